"""Runs go in the sandbox: `python -m wheelfleet.builder.go STEP CONTROL [FOLDER...]`.

`ask`: go's version, and the module proxy that it is configured for. Without network, in a folder of this package.
`fetch`: downloads the modules of the go.mod in each folder. With network. Go then reads go.mod, go.sum and go.work of
the package and runs nothing of it: `GOPROXY` names no version control system, `GOTOOLCHAIN` no other Go.

The answer goes to `CONTROL/modules.json`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANSWER = "modules.json"

#: Lines of go's output that are read, and characters that are passed on.
_LINES, _LONGEST = 200, 400
_VERSION = re.compile(r"^go version go(\d+\.\d+)")
#: What a server says to a module that it does not have or give; the proxy of the sandbox says 403.
_REFUSED = re.compile(r": (?:40[1347]|410) |\b(?:Forbidden|Not Found|Gone)\b")
_TRANSIENT = re.compile(
    r"dial (?:tcp|udp)|proxyconnect|i/o timeout|TLS handshake|connection (?:refused|reset)|no such host|unexpected EOF"
    r"|: (?:408|425|429|5\d\d) |\bEOF$|x509: "
)


def main(arguments: Sequence[str]) -> int:
    step, control, *folders = arguments
    answer = _ask() if step == "ask" else _fetch(folders)
    Path(control, ANSWER).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def explained(lines: Sequence[str]) -> dict[str, str]:
    """The cause of go's error: `kind` is "transient", "refused" or "lasting", `said` its text in one line."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("go: downloading ")]
    error = said[0].removeprefix("go: ") if said else "go says nothing"
    text = "\n".join(said)
    kind = "refused" if _REFUSED.search(text) else "transient" if _TRANSIENT.search(text) else "lasting"
    return {"kind": kind, "said": error[:_LONGEST]}


def _ask() -> dict[str, Any]:
    if shutil.which("go") is None:
        return {"version": None, "proxy": None}
    version = _VERSION.match(_said("version"))
    # A list; "direct" and "off" stand for no proxy.
    ways = re.split(r"[,|\s]+", _said("env", "GOPROXY"))
    proxy = next((way for way in ways if way.startswith(("https://", "http://"))), None)
    return {"version": version[1] if version else None, "proxy": proxy}


def _said(*arguments: str) -> str:
    return subprocess.run(["go", *arguments], capture_output=True, text=True, check=False).stdout


def _fetch(folders: Sequence[str]) -> dict[str, Any]:
    for folder in folders:
        ran = subprocess.run(
            ["go", "mod", "download"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        print(ran.stdout, end="", flush=True)
        if ran.returncode:
            return {"folder": folder, **explained(ran.stdout.splitlines()[-_LINES:])}
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
