"""The page of a build log: true to what a terminal shows, marked, bounded, and harmless whatever the log holds."""

from __future__ import annotations

import gzip
import html
import io
import itertools
import json
import re
import tracemalloc
import zlib
from pathlib import Path

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.contract.result import PHASES
from wheelfleet.site.html import log, log_steps, raw_log
from wheelfleet.site.html.ansi import Run, Terminal
from wheelfleet.site.html.log import LogFacts, read_log_facts
from wheelfleet.site.renderer import Renderer

from tests.support.catalogs import TEMPLATES, ControllerState

RECORDED = sorted((Path(__file__).parents[1] / "support" / "logs").glob("*.log"))
PATH = "logs/demo/demo-1.0-0001.html"


@pytest.fixture(scope="module")
def render() -> Renderer:
    return Renderer([TEMPLATES])


def facts(*, outcome: str = "failed", evidence: tuple[str, ...] = (), name: str = "demo", **more: object) -> LogFacts:
    return LogFacts(name, name, "1.0", "cp311-cp311-linux_aarch64", "pi1", outcome, evidence=evidence, **more)  # type: ignore[arg-type]


def page_of(render: Renderer, text: str | bytes, about: LogFacts | None = None) -> str:
    data = text.encode() if isinstance(text, str) else text
    return log.page(render, PATH, gzip.compress(data, 1, mtime=0), about or facts()).decode()


def lines_of(page: str) -> dict[int, str]:
    """The text of each line that is shown."""
    body = "".join(re.findall(r'<pre class="log">(.*?)</pre>', page, re.S))
    lines = {}
    for number, rest in re.findall(r'<span id="L(\d+)"[^>]*><a [^>]*>[^<]*</a>(.*?)\n</span>', body, re.S):
        lines[int(number)] = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<i .*?</i>", "", rest)))
    return lines


def marks_of(page: str) -> dict[int, str]:
    return {int(number): mark for number, mark in re.findall(r'<span id="L(\d+)" class="log-(\w+)"', page)}


class TestWhatATerminalShows:
    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            ("plain", "plain"),
            ("", ""),
            ("  0%\r 50%\r100%", "100%"),
            ("downloading\rdone", "doneloading"),
            ("downloading\r\x1b[Kdone", "done"),
            ("downloading\x1b[2K\rdone", "done"),
            ("abc\x1b[1Kd", "   d"),
            ("abc\b\bX", "aXc"),
            ("\b\bstart", "start"),
            ("a\tb", "a\tb"),
            ("nul\x00bell\x07vt\x0bdel\x7fnel\x85end", "nulbellvtdelnelend"),
            ("\x1b]0;a title\x07text", "text"),
            ("\x1b]8;;http://evil.invalid/\x1b\\link\x1b]8;;\x1b\\ end", "link end"),
            ("\x1bPdevice\x1b\\after", "after"),
            ("\x1b[2J\x1b[10;10Hgone\x1b[?25l", "gone"),
            ("\x1b(Bcharset\x1b=", "charset"),
            ("cut \x1b[", "cut ["),
            ("right\u202eot tfel", "right\ufffdot tfel"),
            ("\x9b31mno", "31mno"),
        ],
    )
    def test_progress_is_resolved_and_other_terminal_controls_are_left_out(self, written: str, shown: str) -> None:
        assert "".join(run.text for run in Terminal().line(written)) == shown

    @pytest.mark.parametrize(
        ("written", "runs"),
        [
            ("\x1b[31mred\x1b[0m plain", [Run("ansi1", "red"), Run("", " plain")]),
            ("\x1b[01;32mgood\x1b[m", [Run("bold ansi2", "good")]),
            (
                "\x1b[1;32mgood\x1b[22m on\x1b[39m off",
                [Run("ansi2 bold", "good"), Run("ansi2", " on"), Run("", " off")],
            ),
            ("\x1b[95mbright", [Run("ansi13", "bright")]),
            ("\x1b[38;5;9mof 256\x1b[38;5;200m too many", [Run("ansi9", "of 256 too many")]),
            ("\x1b[38;2;1;31;31mtrue\x1b[48;5;31mground", [Run("", "trueground")]),
            ("\x1b[>1;31mprivate\x1b[4;7munderlined", [Run("", "privateunderlined")]),
            ("\x1b[" + "9" * 5000 + "mhuge", [Run("", "huge")]),
        ],
    )
    def test_the_sixteen_colours_and_bold_become_classes(self, written: str, runs: list[Run]) -> None:
        expected = [Run(run.css.replace("bold ansi2", "ansi2"), run.text) for run in runs]
        assert Terminal().line(written) == expected

    def test_a_colour_lasts_over_the_end_of_its_line(self) -> None:
        terminal = Terminal()
        terminal.line("\x1b[33mwarning")
        assert terminal.line("still") == [Run("ansi3", "still")]
        assert terminal.line("\x1b[0mno more") == [Run("", "no more")]


class TestThePage:
    def test_each_line_has_its_number_as_its_anchor(self, render: Renderer) -> None:
        page = page_of(render, "one\ntwo\n\nfour without an end")
        assert lines_of(page) == {1: "one", 2: "two", 3: "", 4: "four without an end"}
        assert '<a href="#L4"' in page

    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
    def test_the_lines_the_classifier_found_are_marked_and_linked_from_the_top(
        self, render: Renderer, path: Path
    ) -> None:
        document, _, text = path.read_text(errors="replace").partition("\n")
        failure = classify(json.loads(document), text, path.stem)
        page = page_of(render, text, facts(evidence=tuple(failure.evidence), name=path.stem))
        marked = [number for number, mark in marks_of(page).items() if mark == "evidence"]
        assert len(marked) == len([line for line in failure.evidence if line])
        top = page.partition('<pre class="log">')[0]
        assert re.findall(r'<a href="#L(\d+)">', top)[: len(marked)] == [str(number) for number in marked]

    def test_of_repeated_lines_those_that_stand_together_are_the_evidence(self, render: Renderer) -> None:
        text = "stop.\n" * 3 + "gcc a.c\na.c:1: fatal error: a.h\nstop.\n" + "quiet\n" * 30 + "stop.\n"
        page = page_of(render, text, facts(evidence=("gcc a.c", "a.c:1: fatal error: a.h", "stop.")))
        assert marks_of(page) == {4: "evidence", 5: "evidence", 6: "evidence"}

    def test_evidence_the_log_does_not_hold_is_shown_beside_it(self, render: Renderer) -> None:
        page = page_of(render, "nothing\n", facts(evidence=("it said <this>",)))
        assert "<pre>it said &lt;this&gt;</pre>" in page
        assert marks_of(page) == {}

    def test_marks_have_a_symbol_with_a_name_for_those_who_do_not_see_colours(self, render: Renderer) -> None:
        page = page_of(render, "why\nerror: x\n", facts(evidence=("why",)))
        assert '<i role="img" aria-label="Shows why">▶</i>why' in page
        assert '<i role="img" aria-label="Looks like an error">!</i>error: x' in page

    @pytest.mark.parametrize(
        ("line", "marked"),
        [
            ("src/a.c:2:10: fatal error: cups.h: No such file or directory", True),
            ("error[E0432]: unresolved import", True),
            ("ModuleNotFoundError: No module named 'Cython'", True),
            ("AssertionError", True),
            ("make: *** [Makefile:3: all] Error 2", True),
            ("CMake Error at CMakeLists.txt:4 (find_package):", True),
            ("/usr/bin/ld: a.o: undefined reference to `f'", True),
            ("gcc -Werror=format-security -c src/error.c", False),
            ("Compiling thiserror v1.0.50", False),
            ("0 errors, 3 warnings", False),
        ],
    )
    def test_lines_that_look_like_errors_are_marked(self, render: Renderer, line: str, marked: bool) -> None:
        assert marks_of(page_of(render, f"before\n{line}\nafter\n")) == ({2: "error"} if marked else {})

    def test_in_the_log_of_a_wheel_nothing_is_marked(self, render: Renderer) -> None:
        assert marks_of(page_of(render, "checking... error: expected\n", facts(outcome="built"))) == {}

    def test_only_the_first_errors_are_linked_from_the_top(self, render: Renderer) -> None:
        page = page_of(render, "error: x\n" * 50)
        assert "the first 5 of 50" in page
        assert len(re.findall(r'<a href="#L\d+">', page.partition('<pre class="log">')[0])) == 5

    def test_it_leads_to_the_raw_log_and_to_the_project(self, render: Renderer) -> None:
        page = page_of(render, "x\n")
        assert '<a href="demo-1.0-0001.log.gz">' in page
        assert '<a href="../../project/demo/index.html">' in page

    def test_it_tells_what_the_catalog_knows(self, render: Renderer, tmp_path: Path) -> None:
        with ControllerState(tmp_path) as state:
            attempt = state.attempt(
                "Demo", "1.0", failure_class="missing-header", sentence="The header a.h is missing.",
                evidence="gcc a.c\na.c:1: fatal error: a.h", advice="Install liba-dev.", seconds=83,
            )  # fmt: skip
            about = read_log_facts(state.catalog.db, attempt)
            with pytest.raises(LookupError, match="knows no attempt other"):
                read_log_facts(state.catalog.db, "other")
            page = log.page(render, PATH, state.logs_dir / "demo" / f"{attempt}.log.gz", about).decode()
        assert about.evidence == ("gcc a.c", "a.c:1: fatal error: a.h")
        assert lines_of(page) == {1: "The log."}
        for said in ("Demo 1.0", "The header a.h is missing.", "Install liba-dev.", "missing-header", "pi1",
                     "1 min 23 s", "2023-11-14 22:13", "Failed", "cp311-cp311-linux_aarch64"):  # fmt: skip
            assert said in page

    def test_a_lost_attempt_has_a_page_too(self, render: Renderer, tmp_path: Path) -> None:
        with ControllerState(tmp_path) as state:
            about = read_log_facts(state.catalog.db, state.attempt("demo", "1.0", state="lost"))
        assert "Lost" in page_of(render, "", about)
        assert "The log is empty." in page_of(render, "", about)

    def test_phases_are_headings_listed_at_the_top_with_their_lines(self, render: Renderer) -> None:
        log_text = "::wheelfleet phase fetch\nasked\n::wheelfleet phase build\ngcc\n\x1b[31mld\n"
        page = page_of(render, f"begins\n{log_text}")
        assert re.findall(r'<a href="#(L\d+)">([^<]+)</a> <span>(.*?)</span>', page) == [
            ("L2", "Fetch the sdist", "2 lines"), ("L4", "Build the wheel", "3 lines"),
        ]  # fmt: skip
        assert re.findall(r'<h3 class="log-step" id="(L\d+)">(.*?)</h3>', page) == [
            ("L2", "Fetch the sdist"), ("L4", "Build the wheel"),
        ]  # fmt: skip
        assert lines_of(page) == {1: "begins", 3: "asked", 5: "gcc", 6: "ld"}
        assert "::wheelfleet phase" not in page

    def test_steps_say_how_long_they_took_and_in_which_the_build_failed(self, render: Renderer) -> None:
        log_text = (
            "::wheelfleet phase fetch 2026-12-01T23:59:58Z\n::wheelfleet phase unpack 2026-12-01T23:59:58Z\n"
            "::wheelfleet phase build 2026-12-02T00:01:03Z\ngcc\n"
        )
        page = page_of(render, log_text, facts(seconds=70.4))
        assert re.findall(r"</a> <span>(.*?)</span>(.*)</li>", page) == [
            ("under 1 s, 1 line", ""), ("1 min 5 s, 1 line", ""),
            ("5 s, 2 lines", ' <b class="status failed">Failed here</b>'),
        ]  # fmt: skip
        assert "Failed here" not in page_of(render, log_text, facts(outcome="built"))

    @pytest.mark.parametrize("second", ["2026-12-01T00:00:01Z", "2027-12-01T00:00:01Z", "2026-99-99T99:99:99Z", ""])
    def test_a_clock_that_jumps_and_a_time_that_is_none_tell_no_duration(self, render: Renderer, second: str) -> None:
        begins = "::wheelfleet phase fetch 2026-12-02T00:00:00Z\n::wheelfleet phase build"
        page = page_of(render, f"{begins} {second}".rstrip() + "\nx\n")
        assert not re.search(r"<span>[^<]* s, ", page)

    def test_every_phase_has_a_heading(self) -> None:
        assert list(log_steps.STEPS) == list(PHASES)

    @pytest.mark.parametrize("phase", ["fetch", "build", "unheard-of", "", "<script>alert(1)</script>"])
    def test_a_phase_that_a_build_makes_up_stays_a_line(self, render: Renderer, phase: str) -> None:
        page = page_of(render, f"::wheelfleet phase build\n::wheelfleet phase {phase}\nx\n")
        assert re.findall(r'<h3 class="log-step" id="(L\d+)">', page) == ["L1"]
        assert lines_of(page)[2] == f"::wheelfleet phase {phase}"

    def test_it_leads_to_the_class_and_to_the_release_and_says_what_it_cost(
        self, render: Renderer, tmp_path: Path
    ) -> None:
        with ControllerState(tmp_path) as state:
            failed = state.attempt("demo", "1.0+x", failure_class="missing-header")
            wheel = state.wheel("demo", "2.0")
            built = state.one("SELECT attempt_id FROM wheel WHERE filename = ?", wheel)
            state.execute("UPDATE attempt SET cpu_seconds = 302.0, peak_memory = ? WHERE id = ?", 734 << 20, built)
            pages = [page_of(render, "x\n", read_log_facts(state.catalog.db, each)) for each in (failed, built)]
        assert '<a href="../../failures/index.html#missing-header"><code>missing-header</code></a>' in pages[0]
        assert '<a href="../../project/demo/index.html#v1.0%2Bx">Other builds of this release</a>' in pages[0]
        assert "Peak memory" not in pages[0]
        assert "The file, its provenance and other builds of this release" in pages[1]
        assert "<dt>CPU time</dt><dd>5 min 2 s</dd>" in pages[1]
        assert "<dt>Peak memory</dt><dd>734 MiB</dd>" in pages[1]

    def test_it_is_the_same_each_time(self, render: Renderer) -> None:
        text = "\x1b[31merror: x\x1b[0m\n" * 20_000
        assert page_of(render, text) == page_of(render, text)


HOSTILE = "".join(
    f"{line}\n"
    for line in (
        "</span></pre><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\x1b[31m<b>\x1b[0m&amp;\"'",
        "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07",
        "\u202e\u2066\u200b reversed",
        "\x00\x01\x1b[200~",
        "{{ 7 * 7 }}{% raw %}",
    )
)


class TestHostileLogs:
    def test_nothing_of_a_log_is_markup_or_a_control_character(self, render: Renderer) -> None:
        about = facts(
            evidence=("<script>evidence</script>",), sentence="<script>said</script>", advice="<i>", sdist="<"
        )
        page = page_of(render, HOSTILE, about)
        assert "<script" not in page
        assert "<img src=x" not in page
        assert "javascript:" not in page
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", page)
        assert lines_of(page) == {
            1: "</span></pre><script>alert(1)</script>",
            2: "<img src=x onerror=alert(1)>",
            3: "<b>&amp;\"'",
            4: "click",
            5: "\ufffd\ufffd\ufffd reversed",
            6: "",
            7: "{{ 7 * 7 }}{% raw %}",
        }

    def test_bytes_that_are_no_text_are_replaced(self, render: Renderer) -> None:
        assert lines_of(page_of(render, b"caf\xe9 \xff\xfe\r\nnext\n")) == {1: "caf\ufffd \ufffd\ufffd", 2: "next"}

    @pytest.mark.parametrize(
        "text",
        [
            b"x" * 10_000_000,
            b"\n" * 2_000_000,
            b"\x1b[1mx\x1b[my" * 300_000,
            b"\x1b[" * 1_000_000,
            b"progress\r" * 1_000_000,
            b"\x08" * 3_000_000,
            b"error: x\n" * 500_000,
            b"<&>\"'\n" * 500_000,
            b"\xff" * 5_000_000,
            b"::wheelfleet phase build\n::wheelfleet phase fetch\n" * 100_000,
        ],
        ids=[
            *("one line", "empty lines", "colours", "escapes", "progress", "backspaces", "errors", "markup", "no text"),
            "phases",
        ],
    )
    def test_no_log_makes_a_large_page(self, render: Renderer, text: bytes) -> None:
        assert len(page_of(render, text)) < 2_000_000

    def test_a_long_line_loses_its_middle_and_says_so(self, render: Renderer) -> None:
        shown = lines_of(page_of(render, "a" * 1_000_000 + "b" * 1_000_000 + "\nnext\n"))
        assert re.fullmatch(r"a{2000} \[the middle of this long line is left out\] b{2000}", shown[1])
        assert shown[2] == "next"

    def test_of_long_progress_only_its_end_is_shown(self, render: Renderer) -> None:
        text = "".join(f"{percent:>50}%\r" for percent in range(20_000)) + "done" + " " * 60 + "\nnext\n"
        shown = lines_of(page_of(render, text))
        assert shown[1].rstrip() == "done"
        assert shown[2] == "next"


class TestLargeLogs:
    def test_the_beginning_the_end_and_the_first_errors_are_shown(self, render: Renderer) -> None:
        lines = [f"line {number}" for number in range(1, 100_001)]
        lines[49_999] = "src/a.c:1: error: the cause"
        page = page_of(render, "\n".join(lines) + "\n")
        shown = lines_of(page)
        assert all(shown[number] == lines[number - 1] for number in shown)
        assert {1, 2, 49_997, 50_000, 50_005, 99_000, 100_000} <= set(shown)
        assert marks_of(page) == {50_000: "error"}
        gaps = [int(many.replace(",", "")) for many in re.findall(r'log-gap">([\d,]+) lines are left out', page)]
        assert gaps == [b - a - 1 for a, b in itertools.pairwise(sorted(shown)) if b > a + 1]
        assert f"100,000 lines, {100_000 - len(shown):,} of them not on this page" in page
        assert sum(map(len, shown.values())) < 200_000

    def test_the_cause_is_found_even_before_a_long_end_of_short_lines(self, render: Renderer) -> None:
        text = "".join(f"compiling module number {number}\n" for number in range(200_000)) + "why it failed\n"
        text += "ok\n" * 20_000
        assert len("ok\n" * 20_000) < 64 << 10
        page = page_of(render, text, facts(evidence=("why it failed",)))
        assert marks_of(page) == {200_001: "evidence"}

    def test_memory_does_not_grow_with_the_log(self) -> None:
        data = gzip.compress(b"gcc -O2 -c module.c -o module.o\n" * 300_000, 1)
        tracemalloc.start()
        try:
            found = raw_log.read_log(io.BytesIO(data), errors=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found.total == 300_000
        assert peak < 3_000_000

    def test_what_a_few_bytes_blow_up_to_is_not_read_to_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(raw_log, "MOST_READ", 1_000_000)
        found = raw_log.read_log(io.BytesIO(gzip.compress(b"x\n" * 1_000_000)), errors=True)
        assert found.problem == "The log is too large to be shown to its end."
        assert 500_000 <= found.total < 600_000


class TestDamagedLogs:
    TEXT = "".join(f"{zlib.crc32(str(number).encode())} is line {number}\n" for number in range(1, 2001))

    def test_of_a_log_that_breaks_off_what_there_is_is_shown(self, render: Renderer) -> None:
        data = gzip.compress(self.TEXT.encode())
        page = log.page(render, PATH, data[: len(data) // 2], facts()).decode()
        shown = lines_of(page)
        assert "The log breaks off" in page
        assert 800 < len(shown) < 1200
        assert shown[700].endswith("is line 700")

    def test_of_a_damaged_log_what_comes_before_the_damage_is_shown(self, render: Renderer) -> None:
        packer = zlib.compressobj(wbits=31)
        data = packer.compress(self.TEXT.encode()) + packer.flush(zlib.Z_FULL_FLUSH)
        page = log.page(render, PATH, data + b"\xff" * 1000, facts()).decode()
        assert "The log is damaged" in page
        assert lines_of(page)[2000].endswith("is line 2000")

    def test_a_wrong_checksum_costs_no_line(self, render: Renderer) -> None:
        data = bytearray(gzip.compress(self.TEXT.encode()))
        data[-8] ^= 1
        page = log.page(render, PATH, bytes(data), facts()).decode()
        assert "The log is damaged" in page
        assert lines_of(page)[2000].endswith("is line 2000")

    @pytest.mark.parametrize("data", [b"", b"not gzip at all\n"], ids=["empty", "no gzip"])
    def test_what_is_no_log_gives_a_page_with_a_sentence(self, render: Renderer, data: bytes) -> None:
        page = log.page(render, PATH, data, facts()).decode()
        assert re.search(r"<b>The log (breaks off|is damaged)", page)

    def test_a_log_that_is_not_there_gives_a_page_with_a_sentence(self, render: Renderer, tmp_path: Path) -> None:
        page = log.page(render, PATH, tmp_path / "none.log.gz", facts()).decode()
        assert "The log cannot be read" in page
        assert str(tmp_path) not in page

    def test_a_log_of_several_gzip_members_is_read_to_its_end(self, render: Renderer) -> None:
        data = gzip.compress(b"one\n") + gzip.compress(b"two\n")
        assert lines_of(log.page(render, PATH, data, facts()).decode()) == {1: "one", 2: "two"}
