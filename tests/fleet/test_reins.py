"""Each rein once, on booted hosts, while one run goes on that follows upstream: taken up within seconds, an event with
who, when and why, shown by the web node; a rehearsal changes nothing, and what makes no sense is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Run
from tests.support.upstream import Upstream
from tests.support.waiting import until
from tests.support.wheels import wheel_file

pytestmark = pytest.mark.long

WHO = "alice"
#: Seconds within which an order is to be taken up by a run at work, on a machine that does other things too.
SOON = 30.0
#: A module with other bytes at each build.
DICE = "import os\nopen(source + '/dice.py', 'a').write(f'\\nseed = {os.urandom(8).hex()!r}\\n')\n"
ENDLESS = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(900)'])\n"
#: What the fleet may build; the releases appear upstream when a test wants them.
SCOPE = (
    "plain", "dice", "aged", "foreign", "gone", "endless", "unwanted", "wanted", "project-wanted", "lone",
    *(f"paused{n}" for n in range(6)), *(f"drained{n}" for n in range(8)), *(f"crowd{n}" for n in range(13)),
)  # fmt: skip


def slow(seconds: float) -> str:
    return f"import time\ntime.sleep({seconds})\n"


@dataclass
class Steered:
    """A fleet in a run that follows upstream, and an operator who gives orders and looks at the web node."""

    operator: FleetOperator
    upstream: Upstream
    lab: Lab
    #: What was ordered, with the seconds until it was taken up.
    took: list[str] = field(default_factory=list)

    def appear(self, name: str, version: str = "1.0", *, seconds: float = 0, script: str = "") -> None:
        """Publish a release upstream."""
        self.upstream.add_release(
            sdists.pure_sdist(name, version, script=script or (slow(seconds) if seconds else None))
        )

    def wait_for(self, condition: Any, what: str, seconds: float = 90) -> Any:
        try:
            return until(condition, what, seconds)
        except AssertionError:
            print(json.dumps(self.status(), indent=1)[-4000:])
            raise

    # ---------------------------------------------------------------- orders

    def ad_hoc(self, noun: str, arguments: str, *more: str) -> Run:
        """Give an order as a command, as on the controller's command line."""
        self.operator.command()
        command = [
            str(ANSIBLE_PLAYBOOK.with_name("ansible")), "-i", str(self.operator.root / "hosts.yml"), "controller",
            "-m", f"wheelfleet_{noun}", "-a", arguments, *more,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.operator.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip
        return Run(done.returncode, done.stderr + done.stdout)

    def order(self, noun: str, action: str, what: str, reason: str = "", **options: str) -> str:
        """Rehearse an order, give it, and see its event on the web node; returns the sentence."""
        words = f"action={action} what={what} who={WHO}" + (f" reason='{reason}'" if reason else "")
        words += "".join(f" {key}={value}" for key, value in options.items())
        quiet = [row["id"] for row in self.operator.query("SELECT id FROM control WHERE who = ?", WHO)]
        rehearsed = self.ad_hoc(noun, words, "--check", "--diff")
        assert rehearsed.returncode == 0 and "CHANGED" in rehearsed.output, rehearsed.output
        assert [row["id"] for row in self.operator.query("SELECT id FROM control WHERE who = ?", WHO)] == quiet
        given = self.ad_hoc(noun, words)
        assert given.returncode == 0 and "CHANGED" in given.output, given.output
        (row, *_) = self.operator.query("SELECT * FROM control WHERE who = ? ORDER BY id DESC", WHO)
        assert (row["verb"], row["who"], row["reason"]) == (action, WHO, reason)
        (event, *_) = self.operator.query("SELECT * FROM event WHERE who = ? ORDER BY id DESC", WHO)
        assert event["why"] == (reason or None) and abs(event["at"] - row["at"]) < 1
        # What the rehearsal said is what happened.
        assert event["sentence"] in unwrapped(rehearsed.output), rehearsed.output
        assert f"by {WHO}" in event["sentence"] and reason in event["sentence"]
        self.wait_for(lambda: self.shown(event["sentence"]), f"the event {event['sentence']}", SOON)
        self.measure(f"{action} {what}: shown", row["at"])
        return str(event["sentence"])

    def refused(self, noun: str, arguments: str) -> str:
        """The sentence with which an order is refused; nothing of it is kept."""
        before = self.operator.query("SELECT count(*) FROM control")[0][0]
        run = self.ad_hoc(noun, arguments)
        assert run.returncode == 2, run.output
        assert self.operator.query("SELECT count(*) FROM control")[0][0] == before
        return str(yaml.safe_load(run.output.partition("FAILED! => ")[2])["msg"])

    def measure(self, what: str, since: float) -> None:
        seconds = time.time() - since
        self.took.append(f"{what} after {seconds:.1f} s")
        print(self.took[-1])

    def given_at(self, action: str) -> float:
        """When the last order with this verb was given."""
        return float(self.operator.query("SELECT max(at) AS at FROM control WHERE verb = ?", action)[0]["at"])

    def taken_up(self, action: str, condition: Any, what: str, seconds: float = SOON) -> Any:
        """Wait until an order has its effect, and print after how long."""
        answer = self.wait_for(condition, what, seconds)
        self.measure(f"{action}: {what}", self.given_at(action))
        return answer

    # ---------------------------------------------------------- what is seen

    def get(self, path: str, *arguments: str) -> str:
        """A file of the web node, as a visitor gets it; empty if it is not there."""
        command = ["curl", "-sf", *arguments, f"http://{self.lab.address('web1')}/{path}"]
        return self.lab.run(command, check=False).stdout

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.get("status.json") or "{}"))

    def host(self, name: str) -> dict[str, Any]:
        """What the web node shows of a builder."""
        return next((host for host in self.status().get("hosts", ()) if host["host"] == name), {})

    def shown(self, sentence: str) -> dict[str, Any] | None:
        """The event as the web node shows it."""
        return next((each for each in self.status().get("events", ()) if each["sentence"] == sentence), None)

    def files(self, project: str) -> dict[str, dict[str, Any]]:
        """The files of a project on the web node's index, by name (PEP 691)."""
        text = self.get(f"simple/{project}/", "-H", "Accept: application/vnd.pypi.simple.v1+json")
        return {file["filename"]: file for file in json.loads(text)["files"]} if text else {}

    def code(self, path: str) -> str:
        """The status with which the web node answers."""
        return self.lab.run(
            ["curl", "-so", "/dev/null", "-w", "%{http_code}", f"http://{self.lab.address('web1')}/{path}"]
        ).stdout

    def attempts(self, prefix: str, host: str = "%") -> dict[str, Any]:
        """The newest attempt of each project whose name begins so."""
        rows = self.operator.query(
            "SELECT p.name, a.* FROM attempt a JOIN release r ON r.id = a.release_id JOIN project p "
            "ON p.id = r.project_id WHERE p.name LIKE ? AND a.host LIKE ? ORDER BY a.claimed_at",
            f"{prefix}%",
            host,
        )
        return {row["name"]: row for row in rows}

    def has_begun(self, name: str) -> bool:
        return bool((attempt := self.attempts(name).get(name)) and attempt["begun_at"])

    def open_attempts(self) -> list[Any]:
        """The builds that builders hold."""
        return self.operator.query("SELECT id FROM attempt WHERE state = 'open'")

    def built(self, prefix: str) -> list[str]:
        return sorted(name for name, row in self.attempts(prefix).items() if row["outcome"] == "built")


def unwrapped(output: str) -> str:
    """A command's output without line breaks in its sentences, and JSON's escapes."""
    return " ".join(output.replace('\\"', '"').split())


@pytest.fixture(scope="module")
def steered(provisioned: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    root = tmp_path_factory.mktemp("reins")
    with Upstream(**provisioned.listening) as upstream:
        for name in ("plain", "dice", "aged", "gone"):
            upstream.add_release(sdists.pure_sdist(name, "1.0", script=DICE if name == "dice" else None))
        upstream.add_release(sdists.pure_sdist("foreign", "1.0", script="raise AssertionError('needs 16 GB')"))
        operator = FleetOperator(
            root,
            {
                "controller_upstream_url": upstream.index_url,
                "controller_packages": list(SCOPE),
                "controller_follow_interval": 1,
                "site_publish_interval": 5,
                "webnode_publish_interval": 5,
                "builder_parallel": 1,
            },
            ("build1", "build2", "build3"),
            ("web1",),
            lab=provisioned,
        )
        steered = Steered(operator, upstream, provisioned)
        try:
            # What is not upstream yet is not considered, which is status 3 (docs/reference/exit-statuses.md).
            operator.build(expect=3)
            # From now on it is in no inventory.
            operator.builders = ("build1", "build2")
            with operator.running("-e", "controller_follow=true") as process:
                steered.wait_for(lambda: steered.status().get("state") == "running", "the run", 120)
                yield steered
                operator.play("playbooks/end.yml")
                output, _ = process.communicate(timeout=120)
            assert process.returncode in (0, 3), output
            print(*steered.took, sep="\n")
        finally:
            provisioned.heal()
            operator.close()
            operator.builders = ("build1", "build2", "build3")
            operator.clear_builders()


def test_a_paused_builder_begins_nothing_and_goes_on_when_resumed(steered: Steered) -> None:
    for number in range(6):
        steered.appear(f"paused{number}", seconds=4)
    steered.wait_for(lambda: steered.host("build1").get("building"), "a build on build1")
    steered.order("builders", "pause", "build1", "new SD card")
    steered.taken_up("pause", lambda: steered.host("build1").get("state") == "paused", "build1 is shown as paused")
    assert f"by {WHO} since " in steered.host("build1")["note"] and "new SD card" in steered.host("build1")["note"]
    steered.taken_up(
        "pause",
        lambda: (
            not [
                row for row in steered.attempts("", "build1").values() if row["state"] == "open" and not row["begun_at"]
            ]
        ),
        "what it had not begun went back",
    )
    steered.wait_for(lambda: len(steered.built("paused")) == 6, "the others to be built")
    assert steered.refused("builders", "action=pause what=biuld1 reason=x") == (
        "No builder is called biuld1; do you mean build1?"
    )
    steered.order("builders", "resume", "build1")
    steered.taken_up(
        "resume", lambda: steered.host("build1").get("state") not in ("paused", None), "build1 is shown at work"
    )
    steered.appear("lone", seconds=1)
    steered.wait_for(lambda: steered.files("lone"), "a wheel to be published")
    assert steered.refused("builders", "action=resume what=build2") == "build2 is not paused."


def test_a_drained_builder_may_be_switched_off_and_on_again(steered: Steered) -> None:
    for number in range(6):
        steered.appear(f"drained{number}", seconds=4)
    steered.wait_for(lambda: steered.host("build2").get("building"), "a build on build2")
    steered.order("builders", "drain", "build2", "it moves")
    empty = "Nothing is built on it any more; it may be switched off."
    steered.taken_up("drain", lambda: steered.shown(empty), "the event that it is empty", 40)
    steered.lab.kill("build2")
    steered.appear("drained6", seconds=1)
    steered.wait_for(lambda: "drained6" in steered.built("drained"), "the other one to build")
    assert steered.host("build2")["state"] == "drained"
    assert not [e for e in steered.status()["events"] if "did not answer" in e["sentence"] and e["host"] == "build2"]
    steered.lab.start("build2")
    steered.order("builders", "resume", "all")
    for name in ("drained7", "crowd0", "crowd1", "crowd2", "crowd3"):
        steered.appear(name, seconds=5)
    steered.taken_up("resume", lambda: steered.host("build2").get("building"), "build2 builds again", 60)


def test_all_builders_are_paused_and_resumed_together(steered: Steered) -> None:
    steered.order("builders", "pause", "all", "the fuse")
    names = ("build1", "build2")
    steered.taken_up("pause", lambda: [steered.host(n).get("state") for n in names] == ["paused"] * 2, "all are paused")
    steered.order("builders", "resume", "all")
    steered.taken_up("resume", lambda: "paused" not in [steered.host(n).get("state") for n in names], "none is paused")
    assert steered.refused("builders", "action=resume what=all") == "No builder is paused."


def test_a_build_is_stopped_with_all_that_it_started(steered: Steered) -> None:
    steered.appear("endless", script=ENDLESS)
    steered.wait_for(lambda: (row := steered.attempts("endless").get("endless")) and row["begun_at"], "its build")
    host = steered.attempts("endless")["endless"]["host"]
    steered.order("builds", "stop", "endless==1.0", "it never ends")
    row = steered.taken_up(
        "stop", lambda: (row := steered.attempts("endless")["endless"])["state"] == "done" and row, "it was stopped"
    )
    assert (row["outcome"], row["failure_class"]) == ("failed", "stopped")
    assert row["sentence"] == f"{WHO} stopped it: it never ends."
    assert "time.sleep(900)" not in steered.lab.ssh(host, "ps -ef")
    assert "plain is not being built" in steered.refused("builds", "action=stop what=plain reason=x")


def test_what_is_skipped_is_not_built_until_it_is_unskipped(steered: Steered) -> None:
    steered.order("builders", "pause", "all", "for this test")
    steered.appear("unwanted")
    steered.wait_for(
        lambda: (
            steered.operator.query("SELECT 1 FROM project WHERE name = 'unwanted'")
            and steered.operator.verdicts().get("unwanted 1.0") == "build"
        ),
        "its verdict",
    )
    steered.order("builds", "skip", "Unwanted==1.0", "nobody asks for it")
    steered.taken_up("skip", lambda: steered.operator.verdicts().get("unwanted 1.0") == "skip", "it is not built")
    steered.order("builders", "resume", "all")
    steered.appear("crowd4")
    steered.wait_for(lambda: steered.files("crowd4"), "another wheel")
    assert not steered.attempts("unwanted")
    assert steered.refused("builds", "action=first what=unwanted").startswith("unwanted is not to be built: ")
    steered.order("builds", "unskip", "unwanted==1.0")
    steered.taken_up("unskip", lambda: steered.attempts("unwanted"), "it is given to a builder")
    steered.wait_for(lambda: steered.files("unwanted"), "its wheel")


def test_what_is_put_first_overtakes_what_builders_hold(steered: Steered) -> None:
    steered.wait_for(lambda: not steered.open_attempts(), "what earlier tests began")
    crowd = [f"crowd{number}" for number in range(5, 13)]
    for name in crowd:
        steered.appear(name, seconds=12)
    steered.appear("wanted")
    steered.appear("project-wanted")
    steered.wait_for(
        lambda: len([r for r in steered.attempts("crowd").values() if r["state"] == "open"]) > 2, "batches"
    )
    steered.order("builds", "first", "wanted")
    steered.order("projects", "first", "Project_Wanted")
    for name in ("wanted", "project-wanted"):
        steered.taken_up(
            "first",
            lambda name=name: steered.attempts(name).get(name, {"begun_at": None})["begun_at"],
            f"{name} begins",
        )
    waiting = [row["name"] for row in steered.attempts("crowd").values() if not row["begun_at"]]
    print("overtaken:", *waiting)
    steered.wait_for(
        lambda: {"wanted", "project-wanted"} <= {*steered.built("wanted"), *steered.built("project")}, "them"
    )
    steered.wait_for(lambda: {*crowd} <= {*steered.built("crowd")}, "the rest", 120)
    begun = {row["name"]: row["begun_at"] for row in steered.attempts("").values()}
    assert max(begun["wanted"], begun["project-wanted"]) < max(begun[name] for name in crowd)
    assert "is built already" in steered.refused("builds", "action=first what=wanted")


def test_a_wheel_is_yanked_with_its_reason_in_the_index(steered: Steered) -> None:
    (name,) = steered.files("plain")
    steered.order("wheels", "yank", "Plain==1.0", "leaks memory")
    steered.taken_up("yank", lambda: steered.files("plain")[name]["yanked"] == "leaks memory", "the index says so", 40)
    html = steered.get("simple/plain/", "-H", "Accept: text/html")
    assert 'data-yanked="leaks memory"' in html
    steered.order("wheels", "unyank", "plain==1.0")
    steered.taken_up("unyank", lambda: not steered.files("plain")[name]["yanked"], "the index says so", 40)
    assert steered.refused("wheels", "action=unyank what=dice") == "Nothing of dice is yanked."


def test_a_withdrawn_wheel_is_gone_from_the_web_node_until_restored(steered: Steered) -> None:
    ((name, file),) = steered.files("plain").items()
    assert steered.code(f"files/plain/{name}") == "200"
    steered.order("wheels", "withdraw", "plain==1.0", "crashes on a Pi Zero")
    steered.taken_up("withdraw", lambda: name not in steered.files("plain"), "it is off the index", 40)
    steered.taken_up("withdraw", lambda: steered.code(f"files/plain/{name}") == "404", "its bytes are gone", 40)
    assert "crashes on a Pi Zero" in steered.get("project/plain/")
    assert steered.operator.verdicts()["plain 1.0"] == "skip"
    steered.order("wheels", "restore", "plain==1.0")
    steered.taken_up("restore", lambda: name in steered.files("plain"), "it is on the index", 40)
    assert steered.files("plain")[name]["hashes"] == file["hashes"]
    assert steered.code(f"files/plain/{name}") == "200"


def test_a_rebuilt_wheel_gets_the_next_build_tag_beside_the_old_one(steered: Steered) -> None:
    ((old, file),) = steered.files("dice").items()
    steered.order("wheels", "rebuild", "dice", "a new compiler")
    new = "dice-1.0-1-py3-none-any.whl"
    steered.taken_up("rebuild", lambda: new in steered.files("dice"), "its new wheel is published", 60)
    both = steered.files("dice")
    assert both[old]["hashes"] == file["hashes"] != both[new]["hashes"]


def test_an_imported_wheel_passes_admission_and_says_who_brought_it(steered: Steered) -> None:
    elsewhere = steered.operator.root / "elsewhere"
    elsewhere.mkdir()
    wheel = wheel_file("foreign", "1.0")
    (elsewhere / wheel.filename).write_bytes(wheel.data)
    steered.order("wheels", "import", str(elsewhere), "needs 16 GB to build")
    steered.taken_up("import", lambda: wheel.filename in steered.files("foreign"), "it is on the index", 40)
    listed = steered.files("foreign")[wheel.filename]
    assert listed["hashes"]["sha256"] == hashlib.sha256(wheel.data).hexdigest()
    document = json.loads(steered.get(f"provenance/foreign/{wheel.filename}.json"))
    assert "imported" in json.dumps(document) and WHO in json.dumps(document)
    assert "There is no file" in steered.refused("wheels", "action=import what=/nowhere/x.whl reason=x")


def test_retention_says_first_what_would_go_and_then_it_is_gone(steered: Steered) -> None:
    steered.appear("aged", "2.0")
    steered.wait_for(lambda: "aged-2.0-py3-none-any.whl" in steered.files("aged"), "the newer release")
    old = "aged-1.0-py3-none-any.whl"
    rehearsed = steered.operator.play("playbooks/retention.yml", "-e", "newest=1", "--check", "--diff")
    assert f"-aged/{old} (" in rehearsed.output and "would go" in unwrapped(rehearsed.output)
    assert old in steered.files("aged")
    kept = steered.operator.play("playbooks/retention.yml", "-e", "newest=1", "-e", "reason='the disk is small'")
    assert kept.changed == 1
    given = steered.operator.query("SELECT * FROM control ORDER BY id DESC LIMIT 1")[0]
    steered.wait_for(lambda: old not in steered.files("aged"), "its end", 40)
    steered.measure("retention: off the index", given["at"])
    steered.wait_for(lambda: steered.code(f"files/aged/{old}") == "404", "its bytes' end", 40)
    steered.measure("retention: off the web node", given["at"])
    assert (given["verb"], given["reason"]) == ("retain", "the disk is small")
    assert steered.operator.play("playbooks/retention.yml", "-e", "newest=1", "-e", "reason=again").changed == 0


def test_a_host_that_is_gone_is_forgotten(steered: Steered) -> None:
    assert steered.refused("builders", "action=forget what=build1 reason=x").startswith("build1 is in the inventory")
    steered.order("builders", "forget", "build3", "it is broken")
    steered.taken_up(
        "forget", lambda: not steered.operator.query("SELECT 1 FROM builder WHERE host = 'build3'"), "it is forgotten"
    )
    steered.taken_up(
        "forget",
        lambda: "build3" not in [host["host"] for host in json.loads(steered.get("fleet/fleet.json"))["builders"]],
        "the site shows it no more",
        60,
    )


def test_the_pages_of_a_project_are_rendered_again(steered: Steered) -> None:
    page = steered.operator.site / "project/plain/index.html"
    whole = page.read_bytes()
    page.write_bytes(b"damaged")
    steered.order("projects", "pages", "PLAIN")
    steered.taken_up("pages", lambda: page.read_bytes() == whole, "its page is whole", 40)
    assert steered.refused("projects", "action=pages what=plain==1.0").startswith("plain==1.0 is a release;")


def test_the_fleet_page_tells_who_ordered_what(steered: Steered) -> None:
    shown = [event for event in json.loads(steered.get("fleet/fleet.json"))["events"] if event["who"] == WHO]
    assert {"new SD card", "it moves", "crashes on a Pi Zero"} <= {event["why"] for event in shown}
