"""Delays and drops frames on a cable, in user space because not every kernel has netem."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from queue import SimpleQueue

SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_VNET_HDR = 15
PACKET_OUTGOING = 4
PACKET_MR_PROMISC = 1
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33


def relay(one: str, other: str, delay: float, loss: float) -> None:
    """Carry frames both ways between two devices of this network namespace, for ever. `delay` is in seconds, `loss` a
    share from 0 to 1."""
    left, right = _open(one), _open(other)
    threading.Thread(target=_one_way, args=(left, right, delay, loss), daemon=True).start()
    _one_way(right, left, delay, loss)


def _open(device: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    # This header keeps segmentation and checksum offload, so that big TCP frames pass unchanged.
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    end.bind((device, ETH_P_ALL))
    # The frames are not addressed to this device.
    membership = struct.pack("iHH8s", socket.if_nametoindex(device), PACKET_MR_PROMISC, 0, b"")
    end.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
    return end


def _one_way(source: socket.socket, target: socket.socket, delay: float, loss: float) -> None:
    waiting: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

    def send() -> None:
        while True:
            due, frame = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            with contextlib.suppress(OSError):  # the cable is cut: the frame is lost
                target.send(frame)

    threading.Thread(target=send, daemon=True).start()
    while True:
        frame, origin = source.recvfrom(1 << 17)
        if origin[2] != PACKET_OUTGOING and random.random() >= loss:
            waiting.put((time.monotonic() + delay, frame))
