"""Runs inside the sandbox, before the command that is to reach the index: `PYTHON proxy_client.py PORT COMMAND...`.

It listens on the sandbox's own loopback, hands the listening socket to the gate outside (see `gate`) and becomes the
command. A socket belongs to the network it was made in, whoever holds it; so nothing has to stay here to carry bytes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

#: The environment variable with the descriptor of the connection to the gate.
HANDOVER = "WHEELFLEET_DOOR"


def main(arguments: Sequence[str]) -> None:
    port, *command = arguments
    gate = socket.socket(fileno=int(os.environ.pop(HANDOVER)))
    with gate, socket.create_server(("127.0.0.1", int(port)), backlog=64) as door:
        socket.send_fds(gate, [b"door"], [door.fileno()])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
