"""Who is told of what, and when: each trouble once, also after kills, refusals and failed deliveries."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.builders import clear, suspend
from wheelfleet.catalog.events import events
from wheelfleet.catalog.notifications import notifications
from wheelfleet.engine import notices, run_end
from wheelfleet.engine.host_status import HostState, HostStatus, post_status, status_folder
from wheelfleet.engine.notices import SETTLED, lock_notifier, notify_due
from wheelfleet.engine.notifier import FIRST_PAUSE, main, tell
from wheelfleet.engine.notify_config import config_file, keep_config, read_config
from wheelfleet.engine.run_end import RunEnd, run_ended, service_ended
from wheelfleet.engine.survey import PATIENCE, WebNodeTrouble, look, over, trouble, upstream_is_asked
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.upstream.client import UpstreamUnreachable

from tests.support.catalogs import EPOCH, TARGET, ControllerState

NOW = EPOCH + 1000
CALM = {"INVOCATION_ID": "abc", "SERVICE_RESULT": "success", "EXIT_STATUS": "0"}


class Operator:
    """Somebody who is told by a command that keeps each message."""

    def __init__(self, state: ControllerState, name: str = "told", **entry: Any) -> None:
        self.state = state
        self.file = state.root / name
        self.program = state.root / f"{name}.sh"
        self.program.write_text(f"#!/bin/sh\ntest ! -e {self.file}.deaf && cat >>{self.file}\n")
        self.program.chmod(0o755)
        self.entry = {"command": [str(self.program)], **entry}

    def heard(self) -> list[list[str]]:
        """The sentences of each message since the last call."""
        if not self.file.exists():
            return []
        messages = [json.loads(line) for line in self.file.read_text().splitlines()]
        self.file.unlink()
        return [[notice["sentence"] for notice in message["notices"]] for message in messages]

    def be_deaf(self, *, deaf: bool = True) -> None:
        mark = Path(f"{self.file}.deaf")
        mark.touch() if deaf else mark.unlink()


@pytest.fixture
def operator(state: ControllerState) -> Operator:
    operator = Operator(state)
    keep_config(state.root, [operator.entry])
    return operator


def now_tell(state: ControllerState, now: float = NOW, run: str = "run1") -> bool:
    """Look, and tell what is due, at a time, as notify_due and its process do."""
    config = read_config(state.root)
    assert config is not None
    look(state.catalog, state.root, run, now, config.min_free)
    return tell(state.root, run, config, now)


def post(controller: ControllerState, host: str, **values: Any) -> None:
    post_status(status_folder(controller.root), HostStatus(host, "run1", **values))


def name_packages(state: ControllerState, *packages: str) -> None:
    with state.catalog.writing() as db:
        PlanInputs(packages=packages, requirements=[], everything=False, newest="1", policy={}).remember(db)


def test_a_suspended_builder_is_told_once_and_its_return_too(state: ControllerState, operator: Operator) -> None:
    state.builder("pi1", TARGET)
    assert not now_tell(state)
    with state.catalog.writing() as db:
        suspend(db, "pi1", "It cannot build the canary that comes with wheelfleet: no compiler.")
    assert now_tell(state)
    ((sentence,),) = operator.heard()
    assert sentence.startswith("pi1 is suspended and gets no work until it builds something known. It cannot build")
    # Not each run.
    assert not now_tell(state, NOW + 900, run="run2")
    with state.catalog.writing() as db:
        clear(db, "pi1")
    assert not now_tell(state, NOW + 1000)
    assert now_tell(state, NOW + 1000 + SETTLED)
    assert operator.heard() == [["pi1 works again."]]
    assert notifications(state.catalog.db) == []
    assert not now_tell(state, NOW + 9000)


def test_what_comes_and_goes_is_told_once(state: ControllerState, operator: Operator) -> None:
    post(state, "pi1", state=HostState.UNREACHABLE, final=True, note="No route to host.")
    for minute in range(10):
        now_tell(state, NOW + 60 * minute)
        state_now = HostState.BUILDING if minute % 2 else HostState.UNREACHABLE
        post(state, "pi1", state=state_now, final=state_now is HostState.UNREACHABLE)
    assert operator.heard() == [["pi1 does not answer, and others go on. No route to host."]]


def test_a_builder_outside_the_run_is_neither_lost_nor_back(state: ControllerState, operator: Operator) -> None:
    post(state, "pi1", state=HostState.FAILED, final=True, note="No space left on device")
    now_tell(state)
    assert operator.heard() == [["pi1 failed, and others go on. No space left on device"]]
    post_status(status_folder(state.root), HostStatus("pi1", "run2", state=HostState.STARTING))
    assert not now_tell(state, NOW + 2 * SETTLED, run="run2")
    post_status(status_folder(state.root), HostStatus("pi1", "run2", state=HostState.BUILDING))
    now_tell(state, NOW + 2 * SETTLED, run="run2")
    assert now_tell(state, NOW + 3 * SETTLED, run="run2")
    assert operator.heard() == [["pi1 answers again."]]


def test_a_builder_that_the_fleet_forgot_is_told_of_no_more(state: ControllerState, operator: Operator) -> None:
    state.builder("pi1", TARGET, suspended="It cannot build the canary.")
    now_tell(state)
    assert len(operator.heard()) == 1
    state.execute("DELETE FROM builder")
    assert not now_tell(state, NOW + 2 * SETTLED)
    assert notifications(state.catalog.db) == []


def test_a_full_disk_is_told_of_builder_and_controller(state: ControllerState, operator: Operator) -> None:
    keep_config(state.root, [operator.entry], min_free=1 << 60)
    post(state, "pi1", state=HostState.SUSPENDED, disk_low=True, metrics={"disk_free": 1})
    now_tell(state)
    ((first, second),) = operator.heard()
    assert {first.partition(" has")[0], second.partition(" has")[0]} == {"pi1", "The controller"}
    keep_config(state.root, [operator.entry], min_free=1)
    post(state, "pi1", state=HostState.BUILDING, metrics={"disk_free": 1 << 40})
    now_tell(state, NOW + 1)
    now_tell(state, NOW + 1 + SETTLED)
    ((first, second),) = operator.heard()
    assert {first, second} == {"pi1 has room on its disk again.", "the controller has room on its disk again."}


def test_a_release_of_something_named_that_failed(state: ControllerState, operator: Operator) -> None:
    for name in ("Named", "other"):
        state.want(name, "1.0")
        state.attempt(
            name, "1.0", failure_class="missing-header", sentence="The header x.h is missing.", blocks="release"
        )
    name_packages(state, "named")
    now_tell(state)
    assert operator.heard() == [[f"Named 1.0 cannot be built on {TARGET} (missing-header). The header x.h is missing."]]
    # Tried again, it is no news, and neither is its failing again.
    state.execute("UPDATE attempt SET superseded = 1")
    state.execute("UPDATE release_target SET need = 'now'")
    now_tell(state, NOW + 10)
    state.execute("UPDATE attempt SET superseded = 0")
    state.execute("UPDATE release_target SET need = 'none'")
    assert not now_tell(state, NOW + SETTLED * 2)
    state.wheel("Named", "1.0", serves=[TARGET])
    now_tell(state, NOW + SETTLED * 3)
    assert now_tell(state, NOW + SETTLED * 4)
    assert operator.heard() == [["Named 1.0 is built."]]


def test_a_failure_that_left_the_scope_is_forgotten_silently(state: ControllerState, operator: Operator) -> None:
    state.want("named", "1.0")
    state.attempt("named", "1.0", failure_class="compiler-error", blocks="release")
    name_packages(state, "named")
    now_tell(state)
    assert len(operator.heard()) == 1
    name_packages(state)
    assert not now_tell(state, NOW + 2 * SETTLED)
    assert notifications(state.catalog.db) == []


def test_a_web_node_is_told_of_while_a_run_goes_on(state: ControllerState, operator: Operator) -> None:
    node = WebNodeTrouble(state.path, "web1")
    node.failed("No route to host.", 100.0, at_once=False)
    node.failed("No route to host.", 100.0 + PATIENCE / 2, at_once=False)
    assert not now_tell(state)
    node.failed("No route to host.", 100.0 + PATIENCE, at_once=False)
    now_tell(state)
    assert operator.heard() == [["web1 does not take the site. No route to host."]]
    # The next run finds it well.
    WebNodeTrouble(state.path, "web1").has_the_site()
    assert notifications(state.catalog.db)[0].cleared_at is not None
    node.failed("web1 has no rsync.", 1000.0, at_once=True)
    assert notifications(state.catalog.db)[0].cleared_at is not None, "it is noted already, until it has the site"
    node.has_the_site()
    node.failed("web1 has no rsync.", 1001.0, at_once=True)
    assert notifications(state.catalog.db)[0].cleared_at is None


def test_many_at_once_are_one_message(state: ControllerState, operator: Operator) -> None:
    for number in range(30):
        post(state, f"pi{number:02}", state=HostState.UNREACHABLE, final=True)
    now_tell(state)
    (message,) = operator.heard()
    assert len(message) == 30
    known = notifications(state.catalog.db)
    told = notices.message_of([notices.Notice(each, over=each.what == "pi00") for each in known], "https://w.example/")
    assert told.title == "wheelfleet: 29 troubles, 1 is over"
    assert len([line for line in told.text.splitlines() if line.startswith("- ")]) == notices.MOST_NOTICES
    assert "… and 10 more." in told.text
    assert told.text.endswith("The fleet: https://w.example/fleet/index.html\n")


def test_each_channel_gets_the_kinds_that_it_wants(state: ControllerState) -> None:
    disks, all_kinds = Operator(state, "disks", events=["disk-low"]), Operator(state, "all")
    keep_config(state.root, [disks.entry, all_kinds.entry])
    post(state, "pi1", state=HostState.UNREACHABLE, final=True)
    now_tell(state)
    assert (disks.heard(), len(all_kinds.heard())) == ([], 1)


def test_a_channel_that_fails_is_tried_later_and_it_alone(state: ControllerState) -> None:
    good, bad = Operator(state, "good"), Operator(state, "bad")
    bad.be_deaf()
    keep_config(state.root, [good.entry, bad.entry])
    post(state, "pi1", state=HostState.UNREACHABLE, final=True)
    now_tell(state)
    assert (len(good.heard()), bad.heard()) == (1, [])
    (event,) = events(state.catalog.db, "run1")
    assert event.sentence == "An operator could not be told: the command ended with status 1."
    bad.be_deaf(deaf=False)
    assert not now_tell(state, NOW + FIRST_PAUSE / 2)
    assert now_tell(state, NOW + FIRST_PAUSE)
    assert (good.heard(), len(bad.heard())) == ([], 1)
    assert not now_tell(state, NOW + 2 * FIRST_PAUSE)


def test_a_kill_between_delivery_and_note_tells_twice(
    state: ControllerState, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(state, "pi1", state=HostState.UNREACHABLE, final=True)
    with monkeypatch.context() as patch:
        patch.setattr("wheelfleet.engine.notifier._record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            now_tell(state)
    assert len(operator.heard()) == 1
    assert now_tell(state)
    assert len(operator.heard()) == 1
    assert not now_tell(state)


def test_upstreams_silence_and_return(state: ControllerState, operator: Operator) -> None:
    def asked(error: Exception | None) -> None:
        with upstream_is_asked(state.catalog):
            if error:
                raise error

    for _ in range(3):
        with pytest.raises(UpstreamUnreachable):
            asked(UpstreamUnreachable("Upstream does not answer (timed out)."))
        now_tell(state, time.time())
    assert operator.heard() == [["Upstream does not answer (timed out)."]]
    asked(None)
    now_tell(state, time.time() + SETTLED + 1)
    assert operator.heard() == [["Upstream answers again."]]


def test_a_process_of_its_own_delivers_and_holds_nothing_up(state: ControllerState, operator: Operator) -> None:
    """The real process; a channel that hangs does not hold up who starts it."""
    slow = Operator(state, "slow")
    slow.program.write_text(f"#!/bin/sh\ntouch {slow.file}.begun; sleep 2; cat >>{slow.file}\n")
    keep_config(state.root, [operator.entry, slow.entry])
    trouble(state.catalog, "run-failed", "", "A run could not do its work.", NOW)
    began = time.monotonic()
    assert notify_due(state.root, "run1")
    assert time.monotonic() - began < 1.5
    deadline = time.monotonic() + 30
    while not Path(f"{slow.file}.begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    # While it is at work, no second one begins.
    assert not notify_due(state.root, "run1")
    lock = lock_notifier(state.root, block=True)
    assert lock is not None
    os.close(lock)
    assert operator.heard() == slow.heard() == [["A run could not do its work."]]
    assert not notify_due(state.root, "run1", wait=1)


def test_nobody_to_tell_costs_nothing(state: ControllerState) -> None:
    assert not notify_due(state.root, "run1")
    assert not notify_due(state.root / "missing", "run1")
    run_ended(state.root, RunEnd("run1", "It could not work."), {})
    service_ended(state.root, {**CALM, "SERVICE_RESULT": "watchdog"})
    assert notifications(state.catalog.db) == []


def test_a_catalog_that_cannot_be_opened_is_told_once(tmp_path: Path) -> None:
    with ControllerState(tmp_path / "var") as state:
        operator = Operator(state)
    keep_config(state.root, [operator.entry])
    (state.root / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    for _ in range(2):
        notify_due(state.root, "run1", wait=30)
    ((sentence,),) = operator.heard()
    assert "cannot be opened" in sentence
    (state.root / "catalog.sqlite").unlink()
    notify_due(state.root, "run1", wait=30)
    assert not notices.catalog_marker(state.root).exists()


def test_the_secrets_are_the_owners_alone(state: ControllerState) -> None:
    assert keep_config(state.root, [{"webhook": "https://chat.example/s3cret"}])
    assert not keep_config(state.root, [{"webhook": "https://chat.example/s3cret"}])
    assert stat.S_IMODE(config_file(state.root).stat().st_mode) == 0o600
    trouble(state.catalog, "run-failed", "", "It failed.", NOW)
    assert "s3cret" not in "".join(state.catalog.db.iterdump())
    assert keep_config(state.root, [])
    assert read_config(state.root) is None


def ended(state: ControllerState, problem: str | None, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """The end of a run, in which main() takes the place of the process."""
    monkeypatch.setattr(run_end, "notify_due", lambda state_dir, run, wait=0.0: main(state_dir, run))
    run_ended(state.root, RunEnd("run1", problem, **more), {})


def test_a_run_that_could_not_work_is_told_once(
    state: ControllerState, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        ended(state, "A run could not do its work: localhost: refused.", monkeypatch)
    assert operator.heard() == [["A run could not do its work: localhost: refused."]]
    ended(state, None, monkeypatch)
    assert notifications(state.catalog.db)[0].cleared_at is None
    ended(state, "", monkeypatch, built=True)
    assert notifications(state.catalog.db)[0].cleared_at is not None


def test_a_run_that_built_nothing_though_it_had_work(
    state: ControllerState, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.builder("pi1", TARGET)
    state.want("waits", "1.0", need="now")
    ended(state, "", monkeypatch, built=True)
    assert operator.heard() == [["A run ended without a single build, though 1 build is to do."]]
    state.attempt("fails", "1.0", run="run1")
    ended(state, "", monkeypatch, built=True)
    assert notifications(state.catalog.db)[0].cleared_at is not None


def test_a_web_node_that_does_not_take_the_site(
    state: ControllerState, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        ended(state, None, monkeypatch, webnodes={"web1": "No route to host.", "web2": None})
    assert operator.heard() == [["web1 does not take the site. No route to host."]]
    ended(state, None, monkeypatch, webnodes={"web1": None})
    over(state.catalog, "webnode-failed", "web1", NOW)
    assert [each.cleared_at is None for each in notifications(state.catalog.db)] == [False]


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"SERVICE_RESULT": "watchdog"}, "made no progress any more, and systemd ended it"),
        ({"SERVICE_RESULT": "oom-kill"}, "was killed, because the controller's memory ran out"),
        ({"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "1"}, "ended with status 1 before its first play"),
        ({"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "2", "INVOCATION_ID": "said"}, None),
        ({}, None),
    ],
)
def test_the_service_tells_of_runs_that_could_not_say_so(
    state: ControllerState, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], sentence: str | None
) -> None:
    operator = Operator(state)
    keep_config(state.root, [operator.entry])
    monkeypatch.setattr(run_end, "notify_due", lambda state_dir, run, wait=0.0: main(state_dir, run))
    run_ended(state.root, RunEnd("run1", None), {"INVOCATION_ID": "said"})
    service_ended(state.root, {**CALM, **environ})
    heard = operator.heard()
    if sentence is None:
        assert heard == []
    else:
        assert heard == [[f"A run of the service {sentence}; see journalctl -u wheelfleet-run.service."]]


def test_a_server_of_nonsense_has_nobody_else_told_twice(state: ControllerState, operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            with server.accept()[0] as client:
                client.recv(65536)
                client.sendall(b"220 mail.example.org ESMTP\r\n")

        threading.Thread(target=talk, daemon=True).start()
        keep_config(state.root, [operator.entry, {"webhook": f"http://127.0.0.1:{server.getsockname()[1]}/secret"}])
        state.builder("pi1", TARGET)
        with state.catalog.writing() as db:
            suspend(db, "pi1", "It has no compiler.")
        assert now_tell(state)
        now_tell(state, NOW + 30)
    assert len(operator.heard()) == 1
    (event,) = events(state.catalog.db)
    assert event.sentence.startswith("An operator could not be told: the webhook cannot be told (")
    assert "secret" not in event.sentence


def test_the_site_does_not_tell_an_operators_address(state: ControllerState) -> None:
    keep_config(state.root, [{"mail": "alice@example.org", "sendmail": "/bin/false"}])
    post(state, "pi1", state=HostState.UNREACHABLE, final=True)
    assert now_tell(state)
    (event,) = events(state.catalog.db)
    assert event.sentence == "An operator could not be told: the mail ended with status 1."
