"""Signed provenance, with the real ssh-keygen: who has the key's public half knows what its owner said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from wheelfleet.site import signing
from wheelfleet.site.renderer import PublishError

from tests.support.catalogs import TARGET, ControllerState, site_bytes
from tests.support.site_pages import broken_links

pytestmark = pytest.mark.slow

DOCUMENT = "provenance/spidev/spidev-3.8-py3-none-any.whl.json"
SIGNATURE = f"{DOCUMENT}.sig"
SIGNERS = "provenance/allowed_signers"


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.want("spidev", "3.8")
    return state


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys: `mine` and `other` are good."""
    folder = tmp_path_factory.mktemp("keys")
    make_key(folder / "mine")
    make_key(folder / "other")
    make_key(folder / "protected", passphrase="secret")
    make_key(folder / "ecdsa", kind="ecdsa")
    make_key(folder / "open")
    (folder / "open").chmod(0o644)
    (folder / "rubbish").write_text("no key\n")
    (folder / "rubbish").chmod(0o600)
    return folder


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)


def verified(site: Path, signers: Path | None = None) -> bool:
    """By the command that docs/index-format.md and the page "use" name."""
    command = ["ssh-keygen", "-Y", "verify", "-f", signers or site / SIGNERS, "-I", "wheelfleet", "-n", "wheelfleet"]
    with (site / DOCUMENT).open("rb") as document:
        done = subprocess.run([*command, "-s", site / SIGNATURE], stdin=document, capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def signed_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each call of ssh-keygen signed."""
    calls: list[int] = []
    run = signing.Signer._run

    def counted(self: signing.Signer, *arguments: str) -> str:
        if "sign" in arguments:
            calls.append(len(arguments) - arguments.index("wheelfleet") - 1)
        return run(self, *arguments)

    monkeypatch.setattr(signing.Signer, "_run", counted)
    return calls


def test_a_document_verifies_with_its_key_until_it_is_touched(
    state: ControllerState, keys: Path, tmp_path: Path
) -> None:
    state.publish(signing_key=keys / "mine")
    assert verified(state.site)
    strangers = tmp_path / "strangers"
    strangers.write_bytes(signing.allowed_signers(signing.Signer(keys / "other").public))
    assert not verified(state.site, strangers)
    document = (state.site / DOCUMENT).read_bytes()
    (state.site / DOCUMENT).write_bytes(document.replace(b"3.8", b"3.9", 1))
    assert not verified(state.site)


def test_the_signature_stands_on_the_page_in_its_json_and_in_the_guide(state: ControllerState, keys: Path) -> None:
    state.publish(signing_key=keys / "mine")
    told = json.loads((state.site / "project/spidev/json").read_bytes())["releases"]["3.8"]["files"][0]["signature"]
    assert (state.site / "project/spidev" / told).resolve() == (state.site / SIGNATURE).resolve()
    assert f'href="../../{SIGNATURE}"' in (state.site / "project/spidev/index.html").read_text()
    assert "ssh-keygen -Y verify" in (state.site / "use/index.html").read_text()
    assert broken_links(state.site) == []


def test_only_what_is_new_is_signed_and_much_of_it_by_one_call(
    state: ControllerState, keys: Path, signed_calls: list[int]
) -> None:
    for version in range(10):
        state.wheel("many", f"{version}.0")
    state.publish(signing_key=keys / "mine")
    assert signed_calls == [11]
    before = site_bytes(state.site)
    state.outdate("many")
    state.publish(signing_key=keys / "mine")
    assert (signed_calls, site_bytes(state.site)) == ([11], before)
    state.wheel("many", "10.0")
    state.publish(signing_key=keys / "mine")
    assert signed_calls == [11, 1]


def test_a_signature_goes_with_its_document(state: ControllerState, keys: Path) -> None:
    state.publish(signing_key=keys / "mine")
    state.upstream_removes("spidev", "3.8")
    state.execute("UPDATE release SET gone_at = 1")
    state.publish(signing_key=keys / "mine", grace_seconds=0)
    assert not (state.site / "provenance/spidev").exists()
    assert (state.site / SIGNERS).exists()


def test_another_key_renews_every_signature_and_no_key_removes_them(state: ControllerState, keys: Path) -> None:
    state.publish(signing_key=keys / "mine")
    first = (state.site / SIGNATURE).read_bytes()
    changed = state.publish(signing_key=keys / "other").changed
    assert {DOCUMENT, SIGNATURE, SIGNERS} & set(changed) == {SIGNATURE, SIGNERS}
    assert (state.site / SIGNATURE).read_bytes() != first
    assert verified(state.site)
    state.publish()
    assert [path.name for path in (state.site / "provenance").rglob("*") if path.is_file()] == [Path(DOCUMENT).name]
    assert "signature" not in (state.site / "project/spidev/index.html").read_text()


def test_a_key_given_later_signs_what_was_published_before_it(state: ControllerState, keys: Path) -> None:
    state.publish()
    assert SIGNATURE in state.publish(signing_key=keys / "mine").changed
    assert verified(state.site)


def test_publishing_everything_repairs_a_damaged_signature(state: ControllerState, keys: Path) -> None:
    state.publish(signing_key=keys / "mine")
    assert state.publish(signing_key=keys / "mine", full=True).changed == []
    (state.site / SIGNATURE).write_text("damaged")
    (state.site / SIGNERS).write_text("damaged")
    assert set(state.publish(signing_key=keys / "mine", full=True).changed) == {SIGNATURE, SIGNERS}
    assert verified(state.site)


def test_pages_of_another_look_do_not_have_documents_signed_again(
    state: ControllerState, keys: Path, signed_calls: list[int]
) -> None:
    state.publish(signing_key=keys / "mine")
    assert "index.html" in state.publish(signing_key=keys / "mine", url="https://wheels.example").changed
    assert signed_calls == [1]
    assert verified(state.site)


def test_a_rehearsal_signs_nothing_on_the_site(state: ControllerState, keys: Path) -> None:
    assert SIGNATURE in state.publish(signing_key=keys / "mine", dry_run=True).changed
    assert not state.site.exists()


def test_a_site_without_pages_for_people_has_nothing_to_sign(state: ControllerState, keys: Path) -> None:
    state.publish(signing_key=keys / "mine", html_pages=False)
    assert not (state.site / "provenance").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "which is not there; make it: ssh-keygen -t ed25519"),
        ("protected", "protected by a passphrase"),
        ("open", "others may read it"),
        ("rubbish", "cannot sign"),
        ("ecdsa", "is of the type ecdsa-sha2-nistp256; it has to be an Ed25519 key"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_published(
    state: ControllerState, keys: Path, name: str, words: str
) -> None:
    with pytest.raises(PublishError, match=words) as told:
        state.publish(signing_key=keys / name)
    assert str(keys / name) in str(told.value)
    assert "\n" not in str(told.value)
    assert not state.site.exists()


def test_a_controller_without_ssh_keygen_is_told_where_to_get_it(
    state: ControllerState, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PublishError, match="apt-get install openssh-client"):
        state.publish(signing_key=keys / "mine")
