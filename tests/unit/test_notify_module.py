"""M(wheelfleet_notify), called as Ansible calls it."""

from __future__ import annotations

from tests.support.catalogs import ControllerState
from tests.unit.conftest import Call


def test_check_mode_names_who_would_be_told_and_tells_nobody(call: Call, state: ControllerState) -> None:
    channels = [{"webhook": "http://127.0.0.1:1/secret"}, {"command": ["/bin/false"]}]
    answer = call("wheelfleet_notify", check=True, channels=channels, send=True)
    assert answer["told"] == ["the webhook at 127.0.0.1", "the command false"]
    assert not answer.get("failed")
