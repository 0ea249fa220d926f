"""Runs cargo in the sandbox: `python -m wheelfleet.builder.cargo STEP CONTROL [MANIFEST...]`.

`missing`: the manifests whose crates are missing. Without network, in the manifest's folder, so that the package's
configuration applies, above all a vendored source.
`index`: the index that cargo is configured for. Without network, on a manifest of this package.
`fetch`: downloads the crates. With network, and therefore in a folder of this package, because the package's
configuration may name programs that cargo runs.

The answer goes to `CONTROL/crates.json`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANSWER = "crates.json"

#: Lines of cargo's error that are read, and characters that are passed on.
_LINES, _LONGEST = 200, 400
#: No program listens there, so cargo at once reports which index it did not reach.
_NOWHERE = "http://127.0.0.1:9"
_VERSION = re.compile(r"^cargo (\d+\.\d+)")
_CONFIG = re.compile(r"[`\"](https?://[^`\"\s]+/)config\.json[`\"]")
#: Since 1.96 the error does not name the index, but the log of connections does.
_NOTES = {"CARGO_LOG": "network=debug"}
#: The default since 1.70.
SPARSE = {"CARGO_REGISTRIES_CRATES_IO_PROTOCOL": "sparse"}
_CAUSE = "Caused by:"
#: Lines after an error with its place and not its cause.
_WHERE = re.compile(r"location searched|required by|help:|perhaps|As a reminder|-->|\|")
#: A server refuses: the proxy for servers other than the index's, or the index itself. A git repository is never the
#: index, and libgit2's text about it depends on how cargo was built.
_REFUSED = re.compile(r"\b(?:response|got|status code:?|HTTP code) 40[137]\b|[Uu]nable to update (?!registry )\S+://")
#: Transient errors: numbers of curl (no name, no connection, broken off, TLS) and HTTP, and texts of libgit2.
_TRANSIENT = re.compile(
    r"\[(?:5|6|7|16|18|28|35|52|55|56|60|77|92)\] |\b(?:response|got|status code:?|HTTP code) (?:408|425|429|5\d\d)\b"
    r"|[Cc]onnection (?:refused|reset|timed out)|timed out|[Cc]ould(?:n't| not) (?:resolve|connect)|failed to resolve"
    r"|spurious network error|early EOF"
)


def main(arguments: Sequence[str]) -> int:
    step, control, *manifests = arguments
    here = Path(control)
    answers: dict[str, Any] = {
        "missing": lambda: _missing(manifests),
        "index": lambda: {"index": _index(here / "ours")},
        "fetch": lambda: _fetch(here, manifests),
    }
    (here / ANSWER).write_text(json.dumps(answers[step]()), encoding="utf-8")
    return 0


def own_index(said: str) -> str | None:
    """The sparse index that cargo reports as unreachable; None if it reports something else."""
    found = _CONFIG.search(said)
    return found[1] if found else None


def explained(lines: Sequence[str]) -> dict[str, str]:
    """The cause of cargo's error: `kind` is "transient", "refused" or "lasting", `said` its text in one line."""
    error, after = lines[0].partition("error: ")[2].strip(), lines[1:]
    causes = [after[index + 1].strip() for index, line in enumerate(after[:-1]) if line.strip() == _CAUSE]
    detail = causes[-1] if causes else after[0].strip() if after else ""
    if detail and not _WHERE.match(detail):
        error = f"{error} ({detail})"
    text = "\n".join(lines)
    kind = "refused" if _REFUSED.search(text) else "transient" if _TRANSIENT.search(text) else "lasting"
    return {"kind": kind, "said": error[:_LONGEST]}


def _missing(manifests: Sequence[str]) -> dict[str, Any]:
    if shutil.which("cargo") is None:
        return {"version": None, "missing": []}
    said = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False).stdout
    version = _VERSION.match(said)
    if version is None:
        return {"version": None, "missing": []}
    print(said.strip(), flush=True)
    # It fails for a manifest whose crates are missing.
    missing = [each for each in manifests if _cargo(Path(each).parent, each, "--offline", quiet=True)]
    return {"version": version[1], "missing": missing}


def _index(folder: Path) -> str | None:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text('[package]\nname = "ask"\nversion = "0.0.0"\n[dependencies]\nany = "*"\n')
    variables = {"CARGO_HOME": str(folder / "home"), "CARGO_HTTP_PROXY": _NOWHERE, "CARGO_NET_RETRY": "0"}
    said = subprocess.run(
        ["cargo", "fetch"],
        cwd=folder,
        env={**os.environ, **variables, **SPARSE, **_NOTES},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    ).stdout
    return own_index(said)


def _fetch(folder: Path, manifests: Sequence[str]) -> dict[str, Any]:
    for manifest in manifests:
        lines = _cargo(folder, manifest)
        if lines:
            return {"manifest": manifest, **explained(lines)}
    return {}


def _cargo(folder: Path, manifest: str, *options: str, quiet: bool = False) -> list[str]:
    """Fetch the crates of the lock file, or matching ones if there is none or it does not fit.

    Returns the lines of the error, empty if there was none.
    """
    command = ["fetch", "--manifest-path", manifest, *options]
    locked = any((parent / "Cargo.lock").is_file() for parent in Path(manifest).parents)
    lines = _run(folder, [*command, "--locked"] if locked else command, quiet)
    if locked and any("--locked" in line for line in lines):
        lines = _run(folder, command, quiet)
    if lines and not quiet:
        print(*lines, sep="\n", flush=True)
    return lines


def _run(folder: Path, arguments: Sequence[str], quiet: bool) -> list[str]:
    """Run cargo and print its output; returns the lines of its error, which are not printed, empty without one."""
    last: deque[str] = deque(maxlen=_LINES)
    with subprocess.Popen(
        ["cargo", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if last or line.startswith("error"):
                last.append(line.rstrip())
            elif not quiet:
                print(line, end="", flush=True)
    return (list(last) or [f"error: cargo ended with {process.returncode}"]) if process.returncode else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
