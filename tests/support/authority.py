"""A certificate authority of a test, and its certificates, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(folder: Path) -> None:
    """Make ca.pem and ca.key in `folder`."""
    subject = ("-subj", "/CN=Test authority", "-days", "2")
    # Python 3.13 and later trust no authority that does not say what its key is for.
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(folder, "req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.pem", *subject, *usage)


def certify(folder: Path, name: str, alternatives: str) -> None:
    """Make NAME.key and its certificate NAME.pem for these alternative names (as in DNS:web1,IP:10.0.0.1)."""
    (folder / f"{name}.names").write_text(f"subjectAltName={alternatives}\n")
    _openssl(folder, "req", *_CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    renew(folder, name)


def renew(folder: Path, name: str, *more: str) -> None:
    """Make a new NAME.pem of the same key; `more` are further arguments of openssl x509."""
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.names", "-days", "2")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *by, *more)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
