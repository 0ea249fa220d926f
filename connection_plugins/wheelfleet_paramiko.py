"""SSH without OpenSSH's client: a connection over the paramiko library."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

try:
    import paramiko
except ImportError:
    paramiko = None

DOCUMENTATION = r"""
name: wheelfleet_paramiko
short_description: Reach hosts over SSH where OpenSSH's client is missing
description:
  - For a controller without C(ssh). With it, P(ansible.builtin.ssh#connection) is the better choice, as it keeps
    connections from task to task and reads C(~/.ssh/config).
  - ansible-core's own paramiko connection is deprecated and gone in 2.21. It also cannot become an unprivileged user on
    a host without ACLs, as it does not pipeline, and waits for ever on a link that is cut.
  - Host keys are always checked, against C(~/.ssh/known_hosts) and C(/etc/ssh/ssh_known_hosts). An unknown host is
    refused, never asked about.
requirements: [paramiko]
author: wheelfleet
options:
  remote_addr:
    description: Address of the host.
    type: str
    default: inventory_hostname
    vars: [{name: inventory_hostname}, {name: ansible_host}]
  port:
    description: Its SSH port.
    type: int
    default: 22
    ini: [{section: defaults, key: remote_port}]
    vars: [{name: ansible_port}]
    keyword: [{name: port}]
  remote_user:
    description: The user to log in as; by default the one who runs Ansible.
    type: str
    ini: [{section: defaults, key: remote_user}]
    vars: [{name: ansible_user}]
    cli: [{name: user}]
    keyword: [{name: remote_user}]
  password:
    description: Password of that user, or of the private key. Without it, keys of C(~/.ssh) and of an agent are tried.
    type: str
    vars: [{name: ansible_password}, {name: ansible_ssh_pass}]
  private_key_file:
    description: A private key.
    type: path
    ini: [{section: defaults, key: private_key_file}]
    vars: [{name: ansible_private_key_file}, {name: ansible_ssh_private_key_file}]
    cli: [{name: private_key_file, option: --private-key}]
  timeout:
    description: Seconds to wait for a connection, and for C(become).
    type: int
    default: 10
    ini: [{section: defaults, key: timeout}]
    vars: [{name: ansible_timeout}]
    cli: [{name: timeout}]
  alive_interval:
    description: Seconds between two questions whether the host is still there.
    type: float
    default: 15
    vars: [{name: ansible_paramiko_alive_interval}]
  alive_patience:
    description: Seconds to wait for the answer; then the connection counts as lost.
    type: float
    default: 45
    vars: [{name: ansible_paramiko_alive_patience}]
  pipelining:
    description: Whether modules are sent over the connection without a file on the host.
    type: bool
    default: true
    ini: [{section: ssh_connection, key: pipelining}]
    vars: [{name: ansible_pipelining}]
"""

display = Display()

SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
CHUNK_BYTES = 1 << 16


class Connection(ConnectionBase):  # type: ignore[misc]  # Ansible is not typed
    """One SSH connection to one host. It never requests a terminal, so output arrives unchanged."""

    transport = "wheelfleet_paramiko"
    has_pipelining = True
    _connected: bool
    _client: Any

    def _connect(self) -> Connection:
        if not self._connected:
            if paramiko is None:
                raise AnsibleError(
                    "The connection wheelfleet_paramiko needs the paramiko library: "
                    "pip install -r requirements-paramiko.txt, or install OpenSSH's client and use the connection ssh."
                )
            self._client = self._log_in()
            transport = self._client.get_transport()
            # Commands are small; Nagle's algorithm would delay each by 40 ms.
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            times = self.get_option("alive_interval"), self.get_option("alive_patience")
            threading.Thread(target=close_when_silent, args=(transport, *times), daemon=True).start()
            self._connected = True
        return self

    def _log_in(self) -> Any:
        host, user, password = (self.get_option(name) for name in ("remote_addr", "remote_user", "password"))
        display.vvv(f"connecting as {user or 'the own user'}", host=host)
        client = paramiko.SSHClient()
        client.load_system_host_keys()
        with contextlib.suppress(FileNotFoundError):
            client.load_system_host_keys(SYSTEM_KNOWN_HOSTS)
        client.set_missing_host_key_policy(RefuseUnknownHost())
        try:
            client.connect(
                host,
                port=self.get_option("port"),
                username=user,
                password=password,
                key_filename=self.get_option("private_key_file"),
                allow_agent=password is None,
                timeout=self.get_option("timeout"),
                banner_timeout=self.get_option("timeout"),
                auth_timeout=self.get_option("timeout"),
            )
        except paramiko.AuthenticationException as error:
            raise AnsibleAuthenticationFailure(f"{host} does not let {user or 'this user'} in: {error}") from error
        except paramiko.BadHostKeyException as error:
            raise AnsibleConnectionFailure(
                f"{host} shows another host key than known_hosts has for it. If it was set up anew, replace its line "
                "there; else somebody is in between."
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise AnsibleConnectionFailure(f"{host} cannot be reached: {error}") from error
        return client

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command to its end.

        Raises AnsibleConnectionFailure if the connection is lost before the command's status is known.
        """
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        display.vvv(f"EXEC {cmd}", host=self.get_option("remote_addr"))
        try:
            channel = self._client.get_transport().open_session(timeout=self.get_option("timeout"))
            channel.exec_command(to_bytes(cmd))
            out, err = self._escalate(channel) if sudoable and self.become else (b"", b"")
            # All three streams at once, because each may block another.
            with ThreadPoolExecutor(2) as threads:
                threads.submit(send_all, channel, in_data or b"")
                errors = threads.submit(read_all, channel.recv_stderr)
                out += read_all(channel.recv)
                err += errors.result()
            status = channel.recv_exit_status()
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(error) from error
        if status == -1:
            raise self._lost("the command's status did not arrive")
        return status, out, err

    def _escalate(self, channel: Any) -> tuple[bytes, bytes]:
        """Send the password at its prompt; returns the other bytes of standard output and error."""
        out = err = b""
        success = to_bytes(self.become.success) + b"\n"
        end = time.monotonic() + self.get_option("timeout")
        while success not in out:
            if not select.select([channel], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AnsibleError(f"{self.become.name} on {self.get_option('remote_addr')} does not answer in time.")
            chunk = channel.recv(CHUNK_BYTES) if channel.recv_ready() else b""
            error_chunk = channel.recv_stderr(CHUNK_BYTES) if channel.recv_stderr_ready() else b""
            out, err = out + chunk, err + error_chunk
            if self.become.check_incorrect_password(err):
                raise AnsibleError(f"The {self.become.name} password is wrong.")
            if self.become.expect_prompt() and self.become.check_password_prompt(err):
                channel.sendall(to_bytes(self.become.get_option("become_pass")) + b"\n")
                err = b""
            elif not chunk and not error_chunk and (channel.eof_received or channel.closed):
                break  # refused: its output and status have the reason
        return out.replace(success, b"", 1), err

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file to the host."""
        super().put_file(in_path, out_path)
        self._transfer(lambda sftp: sftp.put(in_path, out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file from the host."""
        super().fetch_file(in_path, out_path)
        self._transfer(lambda sftp: sftp.get(in_path, out_path))

    def _transfer(self, transfer: Callable[[Any], object]) -> None:
        try:
            with self._client.open_sftp() as sftp:
                transfer(sftp)
        except FileNotFoundError as error:
            raise AnsibleError(f"A file is missing: {error}") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(error) from error

    def reset(self) -> None:
        """Close the connection; the next command opens a new one."""
        self.close()

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        if self._connected:
            self._client.close()
        self._connected = False

    def _lost(self, error: object) -> AnsibleConnectionFailure:
        return AnsibleConnectionFailure(f"The connection to {self.get_option('remote_addr')} was lost: {error}")


class RefuseUnknownHost:
    """Paramiko's policy for a host without a line in known_hosts."""

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> NoReturn:
        raise paramiko.SSHException(
            f"its host key ({key.get_name()} {key.fingerprint}) is not known. "
            f"Compare it on the host, then put this line into ~/.ssh/known_hosts: "
            f"{hostname} {key.get_name()} {key.get_base64()}"
        )


def close_when_silent(transport: Any, interval: float, patience: float) -> None:
    """Send a keepalive every `interval` seconds; close the connection without an answer within `patience` seconds.

    Paramiko's own keepalive requires no answer: it would detect a cut cable only when TCP gives up, after a quarter of
    an hour, and a host that hangs never.
    """
    while transport.is_active():
        time.sleep(interval)
        deadline = threading.Timer(patience, transport.close)
        deadline.daemon = True
        deadline.start()
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            transport.global_request("keepalive@openssh.com", wait=True)
        deadline.cancel()


def send_all(channel: Any, data: bytes) -> None:
    """Send the data and the end of the stream. Errors are ignored, because a lost connection shows in the output."""
    with contextlib.suppress(OSError, socket.timeout):
        channel.sendall(data)
        channel.shutdown_write()


def read_all(receive: Callable[[int], bytes]) -> bytes:
    """Read a stream to its end."""
    chunks = []
    while chunk := receive(CHUNK_BYTES):
        chunks.append(chunk)
    return b"".join(chunks)
