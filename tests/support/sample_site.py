"""The site of a small fleet after some weeks, with rows of every kind that pages show.

One project is an attacker's: its names, summaries, reasons and logs try to run code, to load files and to mislead.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from wheelfleet.admission.classify import classify
from wheelfleet.catalog.events import Event
from wheelfleet.engine.host_status import Building, HostState, HostStatus
from wheelfleet.engine.status import Lately, status_document

from tests.support.catalogs import TARGET, ControllerState, insert

LOGS = Path(__file__).parent / "logs"
#: 2026-11-22T18:00:00Z.
NOW = 1_795_370_400.0
#: The configured address of the site; tests serve it elsewhere.
URL = "https://wheels.example.org"
DAY = 86400.0
TARGET_313 = "cp313-cp313-linux_aarch64-glibc2.41"
TARGET_32BIT = "cp311-cp311-linux_armv7l-glibc2.36"
_TARGETS = {
    TARGET: ("cp311-cp311-manylinux_2_28_aarch64", "3.11", "linux_aarch64"),
    TARGET_313: ("cp313-cp313-manylinux_2_28_aarch64", "3.13", "linux_aarch64"),
    TARGET_32BIT: ("cp311-cp311-linux_armv7l", "3.11", "linux_armv7l"),
}
#: It sets `hacked` if it runs, loads from another host if it is markup, and reverses the text direction.
HOSTILE = (
    '"><script>window.hacked = 1</script><img src="//elsewhere.invalid/x" onerror="window.hacked = 2">'
    "<a href=\"javascript:window.hacked = 3\">click</a>' onmouseover='window.hacked = 4' {{ 7 * 7 }} \u202egnp.exe"
)
#: The attacker's project.
ENEMY = "not-nice"
#: The largest project and the number of its releases, which fill more than one page.
BIG, BIG_RELEASES = "numpy", 31
FAILED = "python-ldap"
GONE = "quarantined-thing"

_BUILT = {
    "spidev": ("3.8", "3.7", "3.6"),
    "RPi.GPIO": ("0.7.1", "0.7.0"),
    "lgpio": ("0.2.2.0",),
    "pandas": ("2.3.3", "2.3.2"),
    "scikit-learn": ("1.7.2",),
    "python-snappy": ("0.7.3",),
}
_SUMMARIES = {
    "numpy": "Fundamental package for array computing in Python",
    "spidev": "Python bindings for Linux SPI access through spidev",
    "RPi.GPIO": "A module to control Raspberry Pi GPIO channels",
    "lgpio": "Linux SBC GPIO module",
    "pandas": "Powerful data structures for data analysis, time series, and statistics",
    "scikit-learn": "A set of python modules for machine learning and data mining",
}
#: What METADATA says of some of them.
_ABOUT: dict[str, dict[str, Any]] = {
    BIG: {
        "fields": {
            "License-Expression": "BSD-3-Clause",
            "Author": "Travis E. Oliphant et al.",
            "Project-URL": [
                "homepage, https://elsewhere.invalid/numpy", "documentation, https://elsewhere.invalid/numpy/doc",
                "source, https://elsewhere.invalid/code", "tracker, https://elsewhere.invalid/code/issues",
            ],
        },
    },
    "pandas": {
        "fields": {"License": "BSD 3-Clause", "Home-page": "https://elsewhere.invalid/pandas"},
        "requires_dist": [
            "numpy>=1.26", "python-dateutil>=2.8.2", "lxml>=4.9", "spydev", "tzdata; sys_platform == 'win32'",
            "hypothesis>=6; extra == 'test'",
        ],
    },
}  # fmt: skip
#: Projects that fail, each with the log of a real failed build (tests/support/logs).
_FAILURES = {
    FAILED: "python-ldap",
    "pycups": "pycups",
    "psycopg2": "psycopg2",
    "dbus-python": "dbus-python",
    "cryptography": "norust",
    "MySQL-python": "mysql-python",
    "bigmemory": "compiler-killed",
    "slowpoke": "limit-time",
    "helpless": "silentfail",
}
_BOARDS = (
    ("Raspberry Pi 5 Model B Rev 1.0", 8, 2.1, (TARGET, TARGET_313)),
    ("Raspberry Pi 4 Model B Rev 1.4", 4, 1.0, (TARGET, TARGET_313)),
    ("Raspberry Pi 3 Model B Plus Rev 1.3", 1, 0.52, (TARGET, TARGET_32BIT)),
    (HOSTILE, 2, 0.3, ()),
)


@dataclass(frozen=True)
class SampleSite:
    """The published site, and paths of two log pages."""

    root: Path
    #: The page of the log of a failed build, below the root.
    failed_log: str
    hostile_log: str


def sample_site(root: Path) -> SampleSite:
    """Make the catalog and publish it, below `root`."""
    with ControllerState(root, at=NOW - 2 * DAY) as state:
        for preference, (name, (tag, python, platform)) in enumerate(_TARGETS.items()):
            state.execute(
                "UPDATE target SET tags = ?, python_version = ?, platform = ?, preference = ? WHERE id = ?",
                json.dumps([tag]), python, platform, preference, state.target(name),
            )  # fmt: skip
        _add_builders(state)
        _add_failures(state)
        _add_others(state)
        hostile = _add_enemy(state)
        _add_wheels(state)
        _add_witnesses(state)
        _add_history(state)
        state.publish(url=URL)
        failed = state.one("SELECT log FROM attempt WHERE id LIKE ?", f"{FAILED}-%")
        return SampleSite(
            state.site, _log_page(failed), _log_page(state.one("SELECT log FROM attempt WHERE id = ?", hostile))
        )


def running_status(now: float, **changes: Any) -> dict[str, Any]:
    """The status file of a run of these builders, written at `now`; `changes` replace parts of it."""
    gib = 1 << 30
    statuses = [
        HostStatus(
            "pi1", "run", HostState.BUILDING, built=21, failed=2, left=38, seconds_left=4000.0, at=now - 1,
            building=[Building("numpy", "2.4.0", TARGET, now - 754), Building("lxml", "6.0.2", TARGET_313, now - 41)],
            metrics={
                "at": round(now - 2), "temperature": 71.4, "memory_total": 8 * gib, "memory_free": 2 * gib,
                "disk_total": 117 * gib, "disk_free": 80 * gib, "load": [4.1, 3.9, 3.2], "cores": 4,
            },
        ),
        HostStatus(
            "pi2", "run", HostState.SUSPENDED, built=40, failed=3, left=38, at=now - 1,
            note="It cannot build lxml 6.0.1, which was built before: compile-error.",
            metrics={
                "at": round(now - 2), "temperature": 44.0, "memory_total": 4 * gib, "memory_free": 3 * gib,
                "disk_total": 29 * gib, "disk_free": gib, "load": [0.02, 0.1, 0.2], "cores": 4,
            },
        ),
        HostStatus(
            "pi3", "run", HostState.UNREACHABLE, built=10, left=38, at=now - 1, note="It does not answer (timed out).",
        ),
        HostStatus("newcomer", "run", HostState.WAITING, left=38, at=now - 1),
    ]  # fmt: skip
    lately = Lately([Event(now - 90, "run", "pi3", "It did not answer any more.")], {"pi1": 23, "pi2": 4, "pi3": 0})
    return {**status_document(statuses, run="run", now=now, ended=False, lately=lately), **changes}


def _add_wheels(state: ControllerState) -> None:
    """Add the wheels of the last days, the newest last."""
    for release in range(BIG_RELEASES):
        state.at = NOW - (BIG_RELEASES + 1 - release) * DAY
        version = f"2.{release // 8}.{release % 8}"
        _wheel(state, BIG, version, TARGET, 900.0 + 7 * release)
        if release % 3 == 1:
            _fail(state, BIG, version, TARGET_32BIT, "compiler-killed")
        elif release % 3 == 2:
            _wheel(state, BIG, version, TARGET_32BIT, 5000.0)
        state.want(BIG, version, target=TARGET_313, verdict="upstream", reason="upstream has a wheel for this target")
    for number, (name, versions) in enumerate(_BUILT.items()):
        for age, version in enumerate(reversed(versions), start=number):
            state.at = NOW - DAY + 600.0 * age
            for target in (TARGET, TARGET_313):
                _wheel(state, name, version, target, 14.0 * (number + 1) ** 2)


def _wheel(state: ControllerState, name: str, version: str, target: str, seconds: float, **more: Any) -> None:
    state.want(name, version, target=target)
    more = {"summary": _SUMMARIES.get(name), "requires_python": ">=3.9", **_ABOUT.get(name, {}), **more}
    file = state.wheel(name, version, _TARGETS[target][0], serves=[target], **more)
    attempt = state.one("SELECT attempt_id FROM wheel WHERE filename = ?", file)
    state.execute("UPDATE attempt SET seconds = ?, target_id = ? WHERE id = ?", seconds, state.target(target), attempt)


def _add_witnesses(state: ControllerState) -> None:
    """Add a rebuild check of each verdict to the latest wheels of the largest project."""
    verdicts = {"agrees": None, "differs": "Other bytes in <i>a</i>.so.", "failed": "time-out: It took too long."}
    for number, (verdict, sentence) in enumerate(verdicts.items()):
        state.execute(
            "INSERT INTO rebuild (wheel_id, id, run, host, claimed_at, finished_at, verdict, sha256, sentence, "
            "differences) SELECT w.id, ?, 'run', 'pi1', ?, ?, ?, 'ab', ?, '[\"<i>a</i>.so\"]' "
            "FROM wheel w WHERE w.filename LIKE ? ORDER BY w.id DESC LIMIT 1 OFFSET ?",
            f"rebuild--{number}", NOW, NOW, verdict, sentence, f"{BIG}-%", number,
        )  # fmt: skip


def _fail(state: ControllerState, name: str, version: str, target: str, log: str) -> None:
    result, _, text = (LOGS / f"{log}.log").read_text().partition("\n")
    failure = classify(json.loads(result), text, name)
    state.want(name, version, target=target)
    state.attempt(
        name, version, target=target, host="pi2", seconds=71.0, log=text, failure_class=failure.failure_class,
        blocks=failure.blocks, sentence=failure.sentence, evidence="\n".join(failure.evidence), advice=failure.advice,
    )  # fmt: skip


def _add_failures(state: ControllerState) -> None:
    for name, log in _FAILURES.items():
        _fail(state, name, "1.4.2", TARGET, log)
    state.want(FAILED, "1.4.2", target=TARGET_32BIT, need="now", predicted_seconds=80.0)
    _fail(state, FAILED, "1.4.1", TARGET_313, "python-ldap")


def _add_others(state: ControllerState) -> None:
    """Add releases that wait, that upstream serves, that are skipped, and that upstream has removed."""
    for version in ("6.0.2", "6.0.1"):
        state.want("lxml", version, need="now", predicted_seconds=1200.0)
        state.want("lxml", version, target=TARGET_32BIT, need="now", predicted_seconds=1200.0)
    state.want("lxml", "6.0.2", target=TARGET_313)
    state.attempt("lxml", "6.0.2", target=TARGET_313, state="open", outcome=None, begun_at=NOW - 41)
    for version in ("3.0.3", "3.0.2"):
        state.upstream_file(state.release("MarkupSafe", version), f"markupsafe-{version}-{_TARGETS[TARGET][0]}.whl")
        state.want("MarkupSafe", version, verdict="upstream", reason="upstream has a wheel for this target")
    state.want("torch", "2.9.0", verdict="skip", reason="takes three days on a Pi; ask Ana before you change that")
    state.want("tensorboard", "3.0rc1", verdict="passed", reason="a pre-release")
    state.project("spydev", state="absent")
    state.project("unreadable", problem="Its page upstream cannot be read (503); tried again in 10 minutes.")
    state.wheel(GONE, "1.0")
    state.execute("UPDATE project SET state = 'quarantined' WHERE name = ?", GONE)
    state.release("archived-thing", "1.0", yanked="The file is broken.")
    _wheel(state, "archived-thing", "1.0", TARGET, 3.0)
    state.execute(
        "UPDATE project SET status = 'archived', status_reason = 'We use another now.' WHERE name = 'archived-thing'"
    )


def _add_enemy(state: ControllerState) -> str:
    """Add the attacker's project; returns the attempt whose log is hostile."""
    release = state.release(ENEMY, "6.6.6", sdist=False)
    urls = {"a": "javascript:window.hacked=5", "b": 'https://elsewhere.invalid/"onclick="window.hacked=6'}
    for name, url in urls.items():
        state.upstream_file(release, f"{name}{HOSTILE}.tar.gz", url=url, yanked=HOSTILE)
    state.execute("UPDATE project SET display_name = ?, status_reason = ?, status = 'deprecated' WHERE name = ?",
                  HOSTILE, HOSTILE, ENEMY)  # fmt: skip
    fields = {
        "License": HOSTILE, "Author": HOSTILE, "Maintainer-email": f"{HOSTILE} <a@b.invalid>", "Home-page": urls["a"],
        "Project-URL": [f"Source, {urls['b']}", f"Docs, data:text/html,{HOSTILE}", f"{HOSTILE}, https://x.invalid"],
        "Requires-Dist": [HOSTILE, f"numpy; python_version > '{HOSTILE}'"],
    }  # fmt: skip
    _wheel(state, ENEMY, "6.6.6", TARGET, 6.0, summary=HOSTILE, requires_python=f">=3,!=6{HOSTILE}", fields=fields)
    log = "\n".join(
        [
            "\x1b[31mred\x1b[0m and \x1b]8;;javascript:window.hacked=7\x07a link\x1b]8;;\x07",
            f"error: {HOSTILE}", "\x1b[2J\x1b[1;1Hover all", "</span></pre><script>window.hacked = 8</script>",
            "é\x00\x08",
        ]
    )  # fmt: skip
    state.want(ENEMY, "6.6.5")
    state.want(ENEMY, "6.6.4", verdict="skip", reason=HOSTILE)
    return state.attempt(
        ENEMY, "6.6.5", log=log, failure_class="compile-error", blocks="target", sentence=HOSTILE,
        evidence=f"error: {HOSTILE}", advice=HOSTILE,
    )  # fmt: skip


def _add_builders(state: ControllerState) -> None:
    for number, (board, memory, speed, targets) in enumerate(_BOARDS, start=1):
        facts = {
            "machine": "aarch64", "os": {"id": "debian", "version": "12"}, "cores": 4, "memory": memory << 30,
            "slots": 2, "sandbox": "bubblewrap 0.8.0", "board": board,
            "toolchain": {"gcc": "gcc (Debian 12.2.0-14) 12.2.0", "rustc": "rustc 1.63.0"},
        }  # fmt: skip
        suspended = "It cannot build lxml 6.0.1, which was built before: compile-error." if number == 2 else None
        state.builder(f"pi{number}", *targets, facts=facts, seen_at=NOW - 60, speed=speed, suspended=suspended)
    for age, host, sentence in (
        (3000, "pi2", "It cannot build lxml 6.0.1, which was built before: it is suspended until it can."),
        (2000, "pi3", HOSTILE),
        (1000, "pi4", "It has less than 500 MiB of disk left; free some space there."),
    ):
        state.event(sentence, host=host, at=NOW - age)


def _add_history(state: ControllerState) -> None:
    """Add builds, queue, downloads and look-ups of some weeks."""
    draw = random.Random(4)
    today = int(NOW // DAY)
    with state.catalog.writing() as db:
        # These counters are computed again below, including the builds added here.
        db.execute(
            "DELETE FROM counter "
            "WHERE kind IN ('outcome', 'host-builds', 'host-built', 'host-seconds', 'build-seconds')"
        )
        for age in range(40):
            day = today - age
            for host, share in (("pi2", 60), ("pi3", 25)):
                for outcome, of in (("built", 1.0), ("failed", 0.2)):
                    builds = int(draw.random() * share * of)
                    db.execute(
                        "INSERT INTO build_day VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        (day, host, outcome, builds, builds * 90.0),
                    )
            insert(db, "queue_hour", hour=day * 24, queued=40 + int(draw.random() * 400))
            for name, downloads, lookups in (
                (BIG, 90, 200), ("pandas", 40, 90), ("RPi.GPIO", 30, 33), ("spidev", 9, 20), (FAILED, 0, 70),
                ("psycopg2", 0, 31), ("opencv-python", 0, 17), ("spydev", 0, 3), ("<img src=x>", 0, 2),
            ):  # fmt: skip
                times = draw.random()
                counts = (int(downloads * times), int(lookups * times))
                normal = canonicalize_name(name)
                db.execute("INSERT INTO use_day VALUES (?, ?, ?, ?, ?)", (normal, day, *counts, counts[0] * 400.0))
            for kind, keys in (
                ("all", ("",)), ("installer", ("pip 25.3", "uv 0.9.9", "poetry 2.2.1", HOSTILE)),
                ("python", ("3.11", "3.13", "3.9")), ("machine", ("aarch64", "armv7l")),
                ("system", ("Debian 12", "Ubuntu 24.04")),
            ):  # fmt: skip
                for rank, key in enumerate(keys, start=1):
                    insert(db, "client_day", day=day, kind=kind, key=key, downloads=int(170 * draw.random() / rank))
        for counted in (
            "'outcome', outcome, sum(builds) FROM build_day GROUP BY outcome",
            "'host-builds', host, sum(builds) FROM build_day GROUP BY host",
            "'host-built', host, sum(iif(outcome = 'built', builds, 0)) FROM build_day GROUP BY host",
            "'host-seconds', host, sum(seconds) FROM build_day GROUP BY host",
            "'build-seconds', '', sum(seconds) FROM build_day",
        ):
            db.execute(f"INSERT INTO counter (kind, key, value) SELECT {counted}")


def _log_page(log: object) -> str:
    return f"logs/{str(log).removesuffix('.log.gz')}.html"
