"""The report: what became of everything in scope, and why; on a page, as JSON and at the end of a run."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from wheelfleet.site import run_summary
from wheelfleet.site.report import make_report
from wheelfleet.site.run_summary import install_line
from wheelfleet.site.status_rows import StatusRow

from tests.support.catalogs import TARGET, ControllerState, insert
from tests.support.site_pages import broken_links, elements

OTHER = "cp313-cp313-linux_armv7l-glibc2.41"


def report_rows(state: ControllerState) -> list[StatusRow]:
    state.publish()
    return [row for rows in make_report(state.catalog.db).rows.values() for row in rows]


def summary_lines(state: ControllerState, run: str = "run1", most: int = 20) -> list[str]:
    state.publish()
    return run_summary.summary_lines(state.catalog.db, run, most)


def only_row(state: ControllerState) -> StatusRow:
    (row,) = report_rows(state)
    return row


def offer(state: ControllerState, target: str = TARGET) -> None:
    state.builder("pi1", target)


def report_page(state: ControllerState) -> str:
    state.publish()
    return (state.site / "report/index.html").read_text()


def report_json(state: ControllerState) -> Any:
    state.publish()
    return json.loads((state.site / "report/report.json").read_text())


def test_a_built_release_names_its_wheel_its_builder_and_its_log(state: ControllerState) -> None:
    filename = state.wheel("RPi.GPIO", "0.7.1", "cp311-cp311-linux_aarch64", serves=[TARGET])
    state.want("RPi.GPIO", "0.7.1")
    (row,) = report_json(state)["rows"]
    size = (state.files_dir / "rpi-gpio" / filename).stat().st_size
    assert row == {
        "status": "built",
        "project": "rpi-gpio",
        "display_name": "RPi.GPIO",
        "version": "0.7.1",
        "target": TARGET,
        "reason": "upstream has no wheel this target can install",
        "builder": "pi1",
        "seconds": 12.0,
        "run": "run1",
        "finished_at": "2023-11-14T22:13:21.000000Z",
        "filename": filename,
        "file": f"files/rpi-gpio/{filename}",
        "size": size,
        "tags": ["cp311-cp311-linux_aarch64"],
        "log": row["log"],
    }
    assert gzip.decompress((state.site / row["log"]).read_bytes()) == b"The log.\n"
    page = report_page(state)
    assert "CPython 3.11, Linux on 64-bit ARM" in page
    assert broken_links(state.site) == []


def test_one_wheel_is_shown_for_every_target_the_newest_first_choice(state: ControllerState) -> None:
    state.wheel("smbus2", "0.5", "py3-none-any", serves=[TARGET, OTHER])
    newer = state.wheel("smbus2", "0.5", "py3-none-any", build="1", serves=[TARGET])
    state.want("smbus2", "0.5")
    state.want("smbus2", "0.5", target=OTHER)
    shown = {row.target: row.filename for row in report_rows(state)}
    assert shown == {TARGET: newer, OTHER: "smbus2-0.5-py3-none-any.whl"}


def test_the_wheel_shown_for_a_target_is_the_one_that_its_pip_takes(state: ControllerState) -> None:
    """The best tag in the target's own order, however many wheels came later; of equal tags the last build."""
    newer_libc, older_libc = "cp313-cp313-manylinux_2_39_aarch64", "cp313-cp313-manylinux_2_36_aarch64"
    old, new = "cp313-cp313-linux_aarch64-glibc2.36", "cp313-cp313-linux_aarch64-glibc2.41"
    state.target(old, tags=[older_libc, "cp313-cp313-linux_aarch64"])
    state.target(new, tags=["cp313-cp313-manylinux_2_41_aarch64", newer_libc, older_libc, "cp313-cp313-linux_aarch64"])
    state.wheel("pycups", "2.0.4", newer_libc, serves=[new])
    best = state.wheel("pycups", "2.0.4", newer_libc, build="1", serves=[new])
    state.wheel("pycups", "2.0.4", "cp313-cp313-linux_aarch64", serves=[old, new])
    only = state.wheel("pycups", "2.0.4", older_libc, serves=[old, new])
    yanked = state.wheel("pycups", "2.0.4", newer_libc, build="2", serves=[new])
    state.execute("UPDATE wheel SET yanked = '' WHERE filename = ?", yanked)
    for target in (old, new):
        state.want("pycups", "2.0.4", target=target)
    assert {row.target: row.filename for row in report_rows(state)} == {old: only, new: best}


def test_what_upstream_serves_says_which_file_and_is_nobodys_failure(state: ControllerState) -> None:
    state.want("requests", "2.32", verdict="upstream", reason="upstream serves requests-2.32-py3-none-any.whl")
    row = only_row(state)
    assert (row.status, row.reason) == ("upstream", "upstream serves requests-2.32-py3-none-any.whl")
    assert "requests-2.32-py3-none-any.whl" in report_page(state)


def test_a_failure_has_its_class_sentence_lines_and_advice(state: ControllerState) -> None:
    state.attempt(
        "pycups", "2.0.4", failure_class="missing-header", blocks="target",
        sentence="The compiler did not find cups/cups.h.",
        evidence="fatal error: cups/cups.h: No such file", advice="Install libcups2-dev.", seconds=200,
    )  # fmt: skip
    state.want("pycups", "2.0.4")
    row = only_row(state)
    assert (row.status, row.failure_class, row.tried_again) == ("failed", "missing-header", False)
    page = report_page(state)
    for part in (
        "The compiler did not find cups/cups.h.",
        "fatal error: cups/cups.h: No such file",
        "Install libcups2-dev.",
        "after 3 min 20 s",
        "on pi1",
    ):
        assert part in page
    assert """ansible-playbook build.yml -e '{"controller_retry": ["missing-header"]}'""" in [
        text for _, _, text in elements(page, "pre")
    ]
    assert report_json(state)["failures"] == {"missing-header": 1}


def test_a_failure_that_settles_the_release_stands_for_its_other_targets(state: ControllerState) -> None:
    state.attempt("old", "1.0", failure_class="python2", blocks="release", sentence="It is Python 2.")
    state.want("old", "1.0")
    state.want("old", "1.0", target=OTHER)
    assert [(row.target, row.failure_class) for row in report_rows(state)] == [
        (TARGET, "python2"),
        (OTHER, "python2"),
    ]


def test_a_targets_own_failure_is_told_before_the_releases(state: ControllerState) -> None:
    state.attempt("old", "1.0", failure_class="timeout", blocks="target", sentence="It took too long.", target=OTHER)
    state.attempt("old", "1.0", failure_class="python2", blocks="release", sentence="It is Python 2.")
    state.want("old", "1.0", target=OTHER)
    assert only_row(state).failure_class == "timeout"


def test_bad_luck_is_a_failure_that_will_be_tried_again(state: ControllerState) -> None:
    state.attempt("grpcio", "1.76", failure_class="timeout", sentence="It took too long.")
    state.want("grpcio", "1.76", need="now")
    assert only_row(state).tried_again
    assert "will be retried" in report_page(state)


def test_builders_lost_again_and_again_are_said_to_be_lost(state: ControllerState) -> None:
    state.attempt("grpcio", "1.76", state="lost", host="pi7")
    state.want("grpcio", "1.76")
    row = only_row(state)
    assert (row.status, row.failure_class, row.reason) == ("failed", "lost", "pi7 was lost while it built this.")


def test_a_forgiven_failure_is_back_in_the_queue(state: ControllerState) -> None:
    offer(state)
    state.attempt("pycups", "2.0.4", failure_class="missing-header", blocks="target", sentence="No header.")
    state.want("pycups", "2.0.4", need="now")
    state.execute("UPDATE attempt SET superseded = 1")
    row = only_row(state)
    assert (row.status, row.reason) == ("waiting", "In the queue: after the newest releases of all projects.")


def test_a_failure_of_an_sdist_that_was_replaced_is_history(state: ControllerState) -> None:
    offer(state)
    state.attempt("pycups", "2.0.4", failure_class="missing-header", blocks="target", sentence="No header.")
    state.want("pycups", "2.0.4", need="now")
    assert only_row(state).status == "waiting"


def test_a_wheel_ends_the_story_of_earlier_failures(state: ControllerState) -> None:
    state.attempt("spidev", "3.8", failure_class="timeout", sentence="It took too long.")
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.want("spidev", "3.8")
    assert only_row(state).status == "built"


def test_who_waits_is_told_for_what(state: ControllerState) -> None:
    offer(state)
    state.want("first", "1.0", need="now")
    state.want("later", "1.0", need="later")
    state.want("unoffered", "1.0", target=OTHER, need="now")
    state.attempt("building", "1.0", state="open", host="pi3")
    state.want("building", "1.0", need="now")
    state.project("unread", state="new", judged=False)
    assert {row.project: row.reason for row in report_rows(state) if row.status == "waiting"} == {
        "first": "In the queue: after the newest releases of all projects.",
        "later": "Another target is tried first: one try tells most about all of them.",
        "unoffered": f"No builder of the last run offers {OTHER}.",
        "building": "Being built on pi3.",
        "unread": "Not looked at yet.",
    }


def test_skipped_and_passed_over_come_with_their_reasons(state: ControllerState) -> None:
    state.want("tensorflow", "2.20", verdict="skip", reason="skip list: takes two days")
    state.want("pandas", "3.0rc1", verdict="passed", reason="a pre-release")
    state.project("nothing-matches")
    assert {(row.project, row.status, row.reason) for row in report_rows(state)} == {
        ("tensorflow", "skipped", "skip list: takes two days"),
        ("pandas", "passed", "a pre-release"),
        ("nothing-matches", "skipped", "None of its releases matches what was requested."),
    }


def test_a_name_upstream_does_not_know_differs_from_trouble_reading_it(state: ControllerState) -> None:
    state.project("no-such-thing", state="absent")
    state.project("slowpoke", problem="Upstream answered 503.")
    state.want("slowpoke", "1.0", verdict="upstream", reason="upstream serves it")
    state.project("bad", state="quarantined")
    rows = sorted((row.project, row.status) for row in report_rows(state))
    assert rows == [
        ("bad", "not-found"), ("no-such-thing", "not-found"), ("slowpoke", "trouble"), ("slowpoke", "upstream"),
    ]  # fmt: skip


def test_what_is_not_in_scope_is_not_in_the_report(state: ControllerState) -> None:
    state.project("forgotten", in_scope=False, problem="Upstream answered 503.")
    state.want("forgotten", "1.0")
    assert list(report_rows(state)) == []
    assert "Nothing has been requested yet" in report_page(state)
    assert summary_lines(state) == ["Nothing is in scope."]


def test_a_huge_report_counts_all_and_shows_the_newest(state: ControllerState) -> None:
    for i in range(5):
        state.attempt(f"p{i}", "1.0", failure_class="timeout", blocks="target", sentence="It took too long.")
        state.want(f"p{i}", "1.0")
    state.publish()
    report = make_report(state.catalog.db, most=3)
    assert report.counts["failed"] == 5
    assert report.failures["timeout"] == 5
    assert [row.project for row in report.rows["failed"]] == ["p4", "p3", "p2"]


def test_the_page_says_that_it_does_not_show_all(state: ControllerState) -> None:
    target = state.target()
    with state.catalog.writing() as db:
        for i in range(102):
            db.execute(
                "INSERT INTO project (id, name, display_name, state, in_scope) VALUES (?1, ?1, ?1, 'present', 1)", (i,)
            )
            db.execute("INSERT INTO release (id, project_id, version) VALUES (?1, ?1, '1')", (i,))
            insert(db, "release_target", release_id=i, target_id=target, verdict="upstream", reason="served")
    page = report_page(state)
    assert "The newest 100 of 102 are shown." in page
    assert len(elements(page, "tr")) == 101
    assert report_json(state)["counts"]["upstream"] == 102


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='alert(1)' \x1b[2J\u202e"


def test_nothing_a_package_says_becomes_part_of_the_page(state: ControllerState) -> None:
    state.attempt(
        "evil", "6.6.6", failure_class="x", blocks="target", sentence=HOSTILE, evidence=HOSTILE, advice=HOSTILE
    )
    state.want("evil", "6.6.6")
    state.want("skipped", "1.0", verdict="skip", reason=HOSTILE)
    state.execute("UPDATE project SET display_name = ?", HOSTILE)
    state.project("troubled", problem=HOSTILE)
    page = report_page(state)
    found = elements(page)
    assert "alert" not in "".join(text for tag, _, text in found if tag == "script")
    assert not [attributes for tag, attributes, _ in found if tag == "img" and attributes.get("src") == "x"]
    assert not [name for _, attributes, _ in found for name in attributes if name.startswith("on")]
    assert "alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_nothing_a_package_says_moves_the_terminals_cursor_or_adds_lines(state: ControllerState) -> None:
    state.attempt("evil", "6.6.6", failure_class="x", blocks="target", sentence=f"One\nTwo {HOSTILE}", advice="\rfoo")
    state.want("evil", "6.6.6")
    lines = summary_lines(state)
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_a_log_that_is_gone_is_not_linked(state: ControllerState) -> None:
    attempt = state.attempt("pycups", "2.0.4", failure_class="timeout", sentence="It took too long.")
    state.want("pycups", "2.0.4")
    (state.logs_dir / "pycups" / f"{attempt}.log.gz").unlink()
    assert "log.gz" not in report_page(state)


def test_the_summary_counts_everything_and_gives_advice_for_each_failure(state: ControllerState) -> None:
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.want("spidev", "3.8")
    state.want("requests", "2.32", verdict="upstream", reason="upstream serves it")
    for name, failure, run in (("pycups", "missing-header", "run1"), ("grpcio", "timeout", "run0")):
        state.attempt(
            name, "1.0", failure_class=failure, blocks="target", sentence="It failed.", advice="Help it.", run=run
        )
        state.want(name, "1.0")
    state.project("no-such-thing", state="absent")
    assert summary_lines(state, run="run1") == [
        "Failed 2, not on upstream 1, built 1, served by upstream 1.",
        "Failures: missing-header 1, timeout 1.",
        f"pycups 1.0 for {TARGET}: missing-header: It failed. Help it.",
        f"grpcio 1.0 for {TARGET}: timeout: It failed. Help it.",
        "no-such-thing: not on upstream: Upstream has no project of this name. Is it misspelled?",
    ]


def test_a_summary_of_very_many_failures_stays_readable(state: ControllerState) -> None:
    for i in range(5):
        state.attempt(f"p{i}", "1.0", failure_class="timeout", blocks="target", sentence="It took too long.")
        state.want(f"p{i}", "1.0")
    lines = summary_lines(state, most=2)
    assert len(lines) == 5
    assert lines[-1] == "… and 3 more; the failures page has them."


@pytest.mark.parametrize(
    ("index_url", "options"),
    [
        ("https://wheels.example.org/simple", ""),
        ("http://127.0.0.1:8000/simple", ""),
        ("file:///srv/wheels/simple", ""),
        ("http://pi.local:8080/simple", " --trusted-host pi.local:8080"),
        ("file:///srv/my%20wheels/simple", ""),
    ],
)
def test_the_run_ends_with_a_command_to_paste(state: ControllerState, index_url: str, options: str) -> None:
    state.wheel("spidev", "3.8")
    state.wheel("RPi.GPIO", "0.7.1", "cp311-cp311-linux_aarch64")
    state.wheel("withdrawn", "1.0")
    state.upstream_removes("withdrawn", "1.0")
    environment = "python3.11 -m venv ~/env"
    install = f"~/env/bin/pip install --extra-index-url {index_url}{options} RPi.GPIO==0.7.1"
    assert install_line(state.catalog.db, index_url) == f"{environment} && {install}"


@pytest.mark.parametrize(
    ("tag", "python"),
    [
        ("py3-none-any", "python3"),
        ("cp39-abi3-linux_armv7l", "python3"),
        ("cp313-cp313-manylinux_2_36_aarch64", "python3.13"),
        ("cp313-cp313t-manylinux_2_36_aarch64", "python3.13t"),
        ("pp311-pypy311_pp73-linux_aarch64", "pypy3"),
        ("cp315-abi3.abi3t-manylinux_2_36_aarch64", "python3.15"),
        ("cp312-abi3-manylinux_2_41_aarch64", "python3.13"),
        # A builder named its target by no tags.
        ("cp314-abi3-manylinux_2_41_aarch64", "python3"),
    ],
)
def test_the_command_makes_an_environment_that_takes_the_wheel(state: ControllerState, tag: str, python: str) -> None:
    serves = {
        "cp315-abi3.abi3t": ["cp315-cp315-linux_aarch64-glibc2.36", "cp315-cp315t-linux_aarch64-glibc2.36"],
        "cp312-abi3": ["cp313-cp313-linux_aarch64-glibc2.41"],
        "cp314-abi3": ["x"],
    }
    for target in (served := serves.get(tag.rpartition("-")[0], [])):
        state.target(target, preference=0 if "cp315t" in target else 1)
    state.wheel("spidev", "3.8", tag, serves=served)
    assert install_line(state.catalog.db, "file:///srv/simple").startswith(f"{python} -m venv ~/env && ")


def test_a_yanked_release_is_not_what_the_run_offers_to_install(state: ControllerState) -> None:
    state.wheel("spidev", "3.8")
    state.wheel("yanked", "1.0")
    state.execute(
        "UPDATE upstream_file SET yanked = '' WHERE release_id = ?", state.release("yanked", "1.0")
    )  # fmt: skip
    assert install_line(state.catalog.db, "file:///srv/simple").endswith(" spidev==3.8")


def test_there_is_no_command_while_there_is_nothing_to_install(state: ControllerState) -> None:
    assert install_line(state.catalog.db, "https://wheels.example.org/simple") == ""
