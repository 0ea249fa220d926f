"""Pebble, a small certificate authority with ACME (RFC 8555), in the lab's network."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from tests.lab import Lab
from tests.lab.processes import die_with_parent
from tests.support.authority import certify, make_authority

if TYPE_CHECKING:
    from typing import Self

PORT = 14000


class AcmeAuthority:
    """A context manager. `.directory` is the URL for clients; `.own_authority` is the CA certificate of that URL.

    Pebble's root, which signs its certificates, is untrusted and new each time.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        # The gateway's name on nodes.
        self.directory = f"https://controller:{PORT}/dir"
        self.own_authority = folder / "ca.pem"

    def __enter__(self) -> Self:
        pebble = shutil.which("pebble")
        if pebble is None:
            pytest.skip("pebble is not installed here; on Debian: apt-get install pebble")
        make_authority(self._folder)
        certify(self._folder, "pebble", "DNS:controller")
        configuration = self._folder / "pebble.json"
        settings = {
            "listenAddress": f"{self._lab.gateway}:{PORT}",
            "managementListenAddress": f"{self._lab.gateway}:{PORT + 1}",
            "certificate": str(self._folder / "pebble.pem"),
            "privateKey": str(self._folder / "pebble.key"),
            "httpPort": 80,
            "tlsPort": 443,
        }
        configuration.write_text(json.dumps({"pebble": settings}))
        self._process = subprocess.Popen(
            self._lab.enter([pebble, "-config", configuration, "-dnsserver", f"{self._lab.gateway}:53"]),
            # By default it waits and refuses at random, to test clients.
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "pebble.log").open("w"),
            stderr=subprocess.STDOUT,
            preexec_fn=partial(die_with_parent, signal.SIGTERM),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
