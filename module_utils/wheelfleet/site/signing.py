"""The operator's signatures on provenance documents: OpenSSH's, made and verified by `ssh-keygen -Y`.

Source of format and namespaces: OpenSSH's PROTOCOL.sshsig. Only Ed25519 keys are accepted: their signatures depend on
key and document alone, so a site that is rendered again has the same bytes.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .renderer import PublishError

#: The signer's name and the namespace: a signature of the same key in another namespace is not valid for provenance.
PRINCIPAL = NAMESPACE = "wheelfleet"
#: Documents in one call: starting ssh-keygen takes longer than a signature.
_AT_ONCE = 500
_SECONDS = 60.0
#: A signature begins with SSHSIG and version 1; the length of the public key and the key follow.
_MAGIC = b"SSHSIG" + (1).to_bytes(4, "big")


class Signer:
    """Signs with the private key in a file. Raises PublishError if the key is missing, unsuitable or unusable."""

    def __init__(self, key: Path) -> None:
        self._key = key.absolute()
        #: The public key as OpenSSH writes it, without a comment: `ssh-ed25519 AAAA…`.
        self.public = self._read_public()

    def sign(self, documents: Sequence[bytes]) -> list[bytes]:
        """The signature of each document, in order, as it is published."""
        with tempfile.TemporaryDirectory(prefix="wheelfleet-signing-") as folder:
            signatures = []
            for start in range(0, len(documents), _AT_ONCE):
                files = []
                for number, document in enumerate(documents[start : start + _AT_ONCE], start):
                    files.append(Path(folder, str(number)))
                    files[-1].write_bytes(document)
                self._run("-q", "-Y", "sign", "-f", str(self._key), "-n", NAMESPACE, *map(str, files))
                signatures += [file.with_suffix(".sig").read_bytes() for file in files]
        return signatures

    def made(self, signature: bytes | None) -> bool:
        """Whether a signature names this key. It is not verified here."""
        key = base64.b64decode(self.public.split()[1])
        begin = _MAGIC + len(key).to_bytes(4, "big") + key
        try:
            body = b"".join(line for line in (signature or b"").splitlines() if not line.startswith(b"-----"))
            return base64.b64decode(body, validate=True).startswith(begin)
        except ValueError:
            return False

    def _read_public(self) -> str:
        if not self._key.is_file():
            raise PublishError(
                f"site_signing_key names {self._key}, which is not there; "
                f"make it: ssh-keygen -t ed25519 -N '' -f {self._key}"
            )
        kind, _, rest = self._run("-y", "-P", "", "-f", str(self._key)).partition(" ")
        if kind != "ssh-ed25519":
            raise PublishError(
                f"The key {self._key}, which site_signing_key names, is of the type {kind[:40]}; it has to be an "
                "Ed25519 key, whose signatures are always the same (ssh-keygen -t ed25519)."
            )
        return f"{kind} {rest.split()[0]}"

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["ssh-keygen", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
                # Without a terminal ssh-keygen cannot prompt for a passphrase.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise PublishError(
                "The controller has no ssh-keygen, which signs provenance; apt-get install openssh-client."
            ) from None
        except subprocess.TimeoutExpired:
            raise PublishError(f"ssh-keygen did not sign with {self._key} within {_SECONDS:.0f} seconds.") from None
        if done.returncode == 0:
            return done.stdout
        if "passphrase" in done.stderr:
            why = "it is protected by a passphrase, and nobody is there to type it"
        elif "UNPROTECTED" in done.stderr:
            why = "others may read it"
        else:
            why = " ".join(done.stderr.split())[:200] or f"exit status {done.returncode}"
        raise PublishError(
            f"The key {self._key}, which site_signing_key names, cannot sign: {why}. It has to be an Ed25519 key "
            "without a passphrase (ssh-keygen -p) that only the user who runs build.yml may read (chmod 600)."
        )


def allowed_signers(public: str) -> bytes:
    """The bytes of the allowed-signers file that `ssh-keygen -Y verify` reads."""
    return f'{PRINCIPAL} namespaces="{NAMESPACE}" {public}\n'.encode()
