"""The package registries that nodes may reach: those of this machine's apt and pip."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.processes import LabError


def _debian_urls() -> list[str]:
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    text = "".join(file.read_text() for file in files if file.is_file())
    urls = re.findall(r"^(?!#)[^#\n]*?(https?://\S+)", text, re.MULTILINE)
    return [url.rstrip("/") for url in urls if "debian" in url]


def debian_mirror() -> str:
    """The URL of the Debian archive in apt's sources. Raises LabError if there is none."""
    for url in _debian_urls():
        if url.endswith("/debian"):
            return url
    raise LabError("the apt sources of this machine name no Debian mirror; the lab's nodes are made from one")


def registry_hosts() -> list[str]:
    """The host names of Debian's archive and of pip's default index. Raises LabError."""
    mirror = urlsplit(debian_mirror()).netloc
    hosts = {urlsplit(url).netloc for url in _debian_urls()} | {f"security.{mirror.split('.', 1)[1]}"}
    code = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    pip = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False)
    if pip.returncode:
        raise LabError(f"{sys.executable} has no pip to ask for its index: {pip.stderr}")
    return sorted(hosts | set(pip.stdout.split()))
