"""Runs inside the sandbox, before a command with network: `PYTHON proxy_client.py PORT COMMAND...`.

It listens on the sandbox's loopback, passes the listening socket to the proxy outside (`proxy`) and becomes the
command. A socket stays in the network namespace in which it was made, so no process inside has to carry bytes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

#: The variable with the file descriptor of the connection to the proxy.
SOCKET_VARIABLE = "WHEELFLEET_PROXY_SOCKET"


def main(arguments: Sequence[str]) -> None:
    port, *command = arguments
    proxy = socket.socket(fileno=int(os.environ.pop(SOCKET_VARIABLE)))
    with proxy, socket.create_server(("127.0.0.1", int(port)), backlog=64) as listener:
        socket.send_fds(proxy, [b"listener"], [listener.fileno()])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
