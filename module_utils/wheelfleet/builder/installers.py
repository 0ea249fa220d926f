"""Check whether pip and uv install a wheel: `python -m wheelfleet.builder.installers WHEELS SCRATCH ANSWER FOLDER`.

Installers disagree on valid wheels, and each is stricter than the specifications in some points and laxer in others. So
they are run: uv always, which installs the wheel into FOLDER for the import check. pip starts ten times slower, so it
runs only if the wheel has parts that pip may refuse. ANSWER gets the wheel's requirements, or the refusal.

The tools' Python runs it in the sandbox, because the wheel is untrusted.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple, TypedDict

from ..atomic_files import visible, write_json

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_ENTRY_POINTS = re.compile(r"[^/]+\.dist-info/entry_points\.txt")
_LARGEST_METADATA = 4 << 20
_LONGEST = 400

_MODULE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_SECTION = re.compile(r"\[\s*([\w.-]+)\s*\]")
_SCRIPT = re.compile(rf"[\w.-]+\s*=\s*{_MODULE}\s*:\s*{_MODULE}(?:\s*\[[\w.,\s-]*\])?")
_PLUGIN = re.compile(rf"[\w. :/-]+=\s*{_MODULE}(?:\s*:\s*{_MODULE})?(?:\s*\[[\w.,\s-]*\])?")
_DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib|headers|scripts|data)/[^/].*")
#: Installers' messages about the machine and not about the wheel.
_MACHINE = re.compile(
    r"No space left|Permission denied|Read-only file system|Cannot allocate|Input/output error|Too many open files"
    r"|Disk quota|Resource temporarily|No interpreter found|failed to (?:spawn|query|create directory)"
)
_LOCATION = re.compile(r"(?:file://)?/\S*/(?=[^/\s]+\.whl)")


class Installability(TypedDict):
    """What the installers say."""

    #: The requirements in METADATA, with their markers.
    needs: list[str]
    #: The installer's reason to refuse the wheel; None if it installs it.
    refused: str | None
    #: Why no installer could judge the wheel; None if one did.
    unknown: str | None


class _Verdict(NamedTuple):
    refused: str | None = None
    unknown: str | None = None


def main(arguments: Sequence[str]) -> int:
    wheels, scratch, answer, folder = map(Path, arguments)
    (name,) = (name for name in visible(wheels) if name.endswith(".whl"))
    verdict = check_installers(wheels / name, folder, scratch)
    found: Installability = {"needs": [], "refused": verdict.refused, "unknown": verdict.unknown}
    if verdict == _Verdict():
        with zipfile.ZipFile(wheels / name) as archive:
            found["needs"] = needs(archive)
    write_json(answer, found, durable=False)
    return 0


def check_installers(wheel: Path, folder: Path, scratch: Path) -> _Verdict:
    """Have the wheel installed into `folder` by uv, and elsewhere by pip where that is not sure to take it."""
    other = _other_python(wheel)
    if other is not None:
        return _Verdict(unknown=f"The wheel needs Python {other}, so nobody could import it here.")
    uv, answer = Path(sys.executable).parent / "uv", _Verdict()
    # A controller need not have it.
    if uv.is_file():
        options = ["--quiet", "--offline", "--no-cache", "--no-config", "--no-deps", "--python", sys.executable]
        answer = _run("uv", [str(uv), "pip", "install", *options, "--target", str(folder), str(wheel)])
        if answer.refused or answer.unknown or pip_takes(wheel):
            return answer
    if importlib.util.find_spec("pip") is None:
        return answer
    with tempfile.TemporaryDirectory(dir=scratch) as elsewhere:
        options = ["--isolated", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--no-color"]
        install = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", elsewhere, str(wheel)]
        return _run("pip", [sys.executable, "-I", "-m", "pip", *options, *install])


def needs(wheel: zipfile.ZipFile) -> list[str]:
    """The requirements in METADATA, with their markers. Raises LookupError without METADATA."""
    return [" ".join(str(line).split()) for line in _metadata(wheel).get_all("Requires-Dist", [])]


def _metadata(wheel: zipfile.ZipFile) -> Message:
    name = next((name for name in wheel.namelist() if _METADATA.fullmatch(name)), None)
    if name is None:
        raise LookupError("The wheel has no METADATA.")
    with wheel.open(name) as file:
        return HeaderParser().parsestr(file.read(_LARGEST_METADATA).decode("utf-8", "replace"))


def _other_python(wheel: Path) -> str | None:
    """The wheel's Requires-Python if it excludes this Python, else None; such a wheel may serve another target."""
    try:
        from packaging.specifiers import SpecifierSet

        with zipfile.ZipFile(wheel) as archive:
            stated = _metadata(archive).get("Requires-Python")
        here = "{}.{}.{}".format(*sys.version_info[:3])
        return None if stated is None or SpecifierSet(str(stated)).contains(here, prereleases=True) else str(stated)
    except (ImportError, ValueError, LookupError, OSError, zipfile.BadZipFile, NotImplementedError):
        # An installer will report it.
        return None


def pip_takes(wheel: Path) -> bool:
    """Whether a wheel that uv installs has nothing that pip could refuse; most have nothing.

    True if the parts that pip reads and uv does not, or reads differently, have the plainest form: paths, METADATA's
    encoding and requirements, entry points, folders of data and eggs. tests/unit/test_installers.py compares it with
    pip.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return all(_is_plain(entry) for entry in archive.infolist()) and all(
                _reads(archive.read(name).decode("utf-8"), name) for name in archive.namelist() if _is_read(name)
            )
    except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    path = entry.filename[:-1] if entry.is_dir() else entry.filename
    top = path.partition("/")[0]
    if entry.flag_bits & 0x1 or not {"", ".", ".."}.isdisjoint(path.split("/")) or top.endswith(".egg-info"):
        return False
    return not top.endswith(".data") or entry.is_dir() or _DATA.fullmatch(path) is not None


def _is_read(name: str) -> bool:
    return name.count("/") == 1 and name.partition("/")[0].endswith(".dist-info") and not name.endswith("/")


def _reads(text: str, name: str) -> bool:
    if _METADATA.fullmatch(name):
        return _reads_metadata(HeaderParser().parsestr(text))
    return not _ENTRY_POINTS.fullmatch(name) or _reads_entry_points(text)


def _reads_metadata(metadata: Message) -> bool:
    try:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet

        for line in metadata.get_all("Requires-Dist", []):
            Requirement(str(line))
        SpecifierSet(str(metadata.get("Requires-Python", "")))
    except (ImportError, ValueError):
        return False
    return len(metadata.get_all("Name", [])) == 1 == len(metadata.get_all("Version", []))


def _reads_entry_points(text: str) -> bool:
    form = None
    for line in map(str.strip, text.splitlines()):
        section = _SECTION.fullmatch(line)
        if section:
            form = _SCRIPT if section[1] in ("console_scripts", "gui_scripts") else _PLUGIN
        elif line and not line.startswith("#") and (form is None or not form.fullmatch(line)):
            return False
    return True


def _run(installer: str, command: Sequence[str]) -> _Verdict:
    """Run an installer; its words go to the log."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    ran = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    print(ran.stdout, end="", flush=True)
    if not ran.returncode:
        return _Verdict()
    if ran.returncode < 0 or _MACHINE.search(ran.stdout):
        return _Verdict(unknown=f"{installer} could not be asked to install the wheel; the log says why.")
    return _Verdict(refused=f"{installer} does not install the wheel: {sentence(ran.stdout)}.")


def sentence(output: str) -> str:
    """The error in an installer's output, in one line: uv's last cause, or pip's first error."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    answer = [line for line in lines if re.match(r"\s*(?:error|cause|caused by|hint):", line, re.IGNORECASE)]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR: ")]
    text = lines[-1] if lines else "it says nothing"
    if errors and not lines[errors[0]].startswith("ERROR: Exception"):
        # The next line has the requirement in question.
        below = lines[errors[0] + 1].strip() if lines[errors[0] + 1 :] else ""
        quoted = f": {below}" if below and lines[errors[0] + 1].startswith("    ") else ""
        text = lines[errors[0]] + quoted
    elif answer and not errors:
        text = next((line for line in reversed(answer) if "hint:" not in line), answer[-1])
    text = re.sub(r"^\s*(?:ERROR|error|cause|Caused by|hint):\s*", "", text)
    return " ".join(_LOCATION.sub("", text).split())[:_LONGEST].rstrip(".")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
