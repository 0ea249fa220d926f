"""What the fleet tries by itself against a failure, and what it learns from what helped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from wheelfleet.admission.classify import classify
from wheelfleet.contract.adjustments import Adjustments, Patch
from wheelfleet.failure_classes import FAILURE_CLASSES
from wheelfleet.planner import projects_of_modules, remedies, remedy_table
from wheelfleet.planner.batches import PlannedBuild
from wheelfleet.planner.failed_build import FailedBuild
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.matched_date import matched_date
from wheelfleet.planner.queue import progress, retry_failures
from wheelfleet.planner.remedies import Proposal
from wheelfleet.planner.remedies import propose as proposals
from wheelfleet.planner.remedy_conditions import may_need
from wheelfleet.planner.remedy_outcomes import Record
from wheelfleet.planner.requeue import requeue_for_adopted
from wheelfleet.planner.scope import Policy

from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet

LOGS = Path(__file__).parents[1] / "support" / "logs"
NO_LIMITED_API = "--py-limited-api= build_ext --undef=Py_LIMITED_API"
#: A build backend's hook, called with the settings of a remedy.
BUILD_WHEEL = (
    "import json, sys; from setuptools.build_meta import build_wheel; build_wheel('.', json.loads(sys.argv[1]))"
)
#: As Python.h of a free-threaded Python.
LIMITED_C = (
    "#ifdef Py_LIMITED_API\n#error The limited API is not currently supported in the free-threaded build\n#endif\n"
)
LIMITED_SETUP = """
from setuptools import Extension, setup
macros = [("Py_LIMITED_API", "0x03090000")]
module = Extension("one", ["one.c"], define_macros=macros, py_limited_api=True)
setup(name="one", version="1", ext_modules=[module], options={"bdist_wheel": {"py_limited_api": "cp39"}})
"""


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    fleet.builder("pi1", 11)
    return fleet


def propose(failed_build: FailedBuild, applied: Collection[str]) -> Proposal | None:
    """The remedy that comes first."""
    return next(iter(proposals(failed_build, applied)), None)


def build(fleet: Fleet, **more: Any) -> PlannedBuild:
    held = fleet.claim(**more)
    assert held is not None
    return held.builds[0]


def case_of(log: str, **more: Any) -> FailedBuild:
    head, _, text = (LOGS / f"{log}.log").read_text().partition("\n")
    failure = classify(json.loads(head), text, log)
    return FailedBuild(failure.failure_class, failure.subject or "", "\n".join(failure.evidence), **more)


@pytest.mark.parametrize(
    ("log", "name", "said"),
    [
        ("demjson", "setuptools<58", "setuptools<58"),
        ("use2to3", "setuptools<58", "setuptools<58"),
        ("markupsafe", "setuptools<46", "setuptools<46"),
        ("thinc", "setuptools<74", "setuptools<74"),
        ("lap", "setuptools<81", "setuptools<81; also setuptools"),
        ("pkgres", "setuptools<81", "setuptools<81; also setuptools"),
        ("flat", "setuptools<61", "setuptools<61"),
        ("badrequires", "setuptools<66", "setuptools<66"),
        ("pyyaml", "Cython<3", "Cython<3"),
        ("pymssql", "Cython<3.1", "Cython<3.1"),
        ("hdbscan", "Cython<3", "Cython<3"),
        ("corpus-blist", "newer C API", "source rewritten for newer Pythons"),
        ("corpus-pysha3", "newer C API", "source rewritten for newer Pythons"),
        ("corpus-pyopenjtalk", "C anew", "Cython>=0.29.37,<3; also Cython; Cython's C code generated anew"),
        ("cchardet", "C anew", "Cython>=0.29.37,<3; also Cython; Cython's C code generated anew"),
        ("corpus-pykcs11", "SWIG<4.2", "also swig<4.2"),
        ("corpus-pyzmq-pipes", "restored module", "also standard-pipes"),
        ("corpus-gevent-cpdef", "Cython<3", "Cython<3"),
        ("corpus-pymc-f2py", "requirement charset-normalizer", "also charset-normalizer"),
        ("numpyc", "numpy<2", "numpy<2"),
        ("pykdtree", "numpy<2", "numpy<2"),
        ("pycocotools", "requirement Cython", "also Cython"),
        ("setuprequires", "requirement numpy", "also numpy"),
        ("lap-numpy", "requirement numpy", "also numpy"),
        ("backendmissing", "requirement poetry-core", "also poetry-core"),
        ("cmakeold", "CMake policy", "CMAKE_POLICY_VERSION_MINIMUM=3.5"),
        ("corpus-dlib", "newer pybind11", "also pybind11<3; source rewritten for newer Pythons"),
        ("corpus-simplejpeg", "CMake<4", "cmake<4"),
        ("oom", "one job", "one job at a time; alone on its builder"),
        ("ownhelper", "source on path", "source on path"),
        ("setuptools-dry-run", "setuptools<81", "setuptools<81; also setuptools"),
        ("setuptools-extension", "setuptools<84", "setuptools<84"),
        ("setuptools-extension-314", "setuptools<84", "setuptools<84"),
        ("cython-long", "Cython<3.1", "Cython<3.1"),
        ("cython-numpy-headers", "numpy<2.5", "numpy<2.5"),
        ("noblock-315", "newer C API", "source rewritten for newer Pythons"),
        ("setuptools-licence-2027", "setuptools<77", "setuptools<77"),
        ("limited-setuptools-314t", "no limited API", f"--build-option={NO_LIMITED_API}"),
        ("limited-header-314t", "no limited API", f"--build-option={NO_LIMITED_API}"),
        ("limited-meson-314t", "no limited API", "setup-args=-Dpython.allow_limited_api=false"),
    ],
)
def test_a_build_that_really_failed_gets_the_remedy_for_what_it_says(log: str, name: str, said: str) -> None:
    proposal = propose(case_of(log), set())
    assert proposal is not None
    assert (proposal.name, proposal.adjustments.in_words()) == (name, said)
    assert proposal.why.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("log", ["limited-setuptools-314t", "limited-header-314t"])
def test_a_projects_own_macro_of_the_limited_api_is_undone(log: str, tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(LIMITED_SETUP)
    (tmp_path / "one.c").write_text(LIMITED_C + "int one;\n")

    def built(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", BUILD_WHEEL, json.dumps(settings)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "The limited API is not currently supported" in built({}).stderr
    proposal = propose(case_of(log, backend="setuptools.build_meta"), set())
    assert proposal is not None
    assert built(proposal.adjustments.config_settings).returncode == 0
    (wheel,) = tmp_path.glob("*.whl")
    assert "abi3" not in wheel.name


def test_a_pinned_setuptools_is_renewed_where_it_cannot_run() -> None:
    gone = FailedBuild("removed-api", "distutils", "ModuleNotFoundError: No module named 'distutils'", python=(3, 13))
    pinned = replace(gone, installed=frozenset({"setuptools", "wheel"}))
    first = propose(pinned, set())
    assert first is not None
    assert (first.name, first.adjustments.in_words()) == ("setuptools>=66", "setuptools>=66,<81")
    first = propose(replace(gone, installed=frozenset({"wheel"})), set())
    assert first is not None
    assert first.name == "setuptools"


@pytest.mark.parametrize(
    ("log", "python", "name"),
    [
        ("corpus-pillow-313", (3, 13), "newer Python"),
        ("corpus-hidapi-313", (3, 13), "newer Python"),
        ("corpus-pillow-313", (3, 12), None),
        ("corpus-bottleneck", (3, 11), "newer Python"),
    ],
)
def test_a_setup_py_that_newer_pythons_run_otherwise_is_rewritten(log: str, python: tuple[int, int], name: str | None):
    first = propose(case_of(log, python=python), set())
    assert (first.name if first else None) == name


def test_a_wheel_that_misses_a_renamed_c_function_is_rewritten() -> None:
    text = "ImportError: /build/installed/psycopg2/_psycopg.so: undefined symbol: _PyInterpreterState_Get"
    failed_build = FailedBuild("import-failed", text=text, phase="collect", python=(3, 13))
    first = propose(failed_build, {"older C"})
    assert first is not None and (first.name, first.adjustments.modernize) == ("newer C API", True)


def test_c_code_that_cython_does_not_replace_is_generated_anew() -> None:
    first = propose(case_of("corpus-simplejpeg-output", python=(3, 13)), {"Cython>=3", "Cython<3.1"})
    assert first is not None and first.name == "C anew"


def test_a_pinned_cython_is_renewed_where_it_cannot_run() -> None:
    case = case_of("corpus-simplejpeg-313", python=(3, 13), installed=frozenset({"cython", "setuptools"}))
    first = propose(case, set())
    assert first is not None
    assert (first.name, first.adjustments.in_words()) == ("Cython>=3", "Cython>=3.0.11,<3.1")
    without = propose(replace(case, installed=frozenset({"setuptools"})), set())
    assert without is not None and without.name == "restored module", "no Cython is there to be renewed"


@pytest.mark.parametrize(
    ("log", "python", "names"),
    [
        ("cython-long", (3, 12), ["Cython<3.1", "Cython<3", "date-matched"]),
        ("cython-long", (3, 13), ["Cython<3.1", "date-matched"]),
        ("cython-long", (3, 15), ["Cython<3.1", "date-matched"]),
        ("pyyaml", (3, 13), ["date-matched"]),
        ("cython-numpy-headers", (3, 12), ["numpy<2.5", "date-matched"]),
        ("cython-numpy-headers", (3, 13), ["date-matched"]),
        ("pykdtree", (3, 12), ["numpy<2", "date-matched"]),
        ("pykdtree", (3, 13), ["date-matched"]),
    ],
)
def test_no_remedy_is_tried_that_cannot_help_on_this_python(log: str, python: tuple[int, int], names: list[str]):
    case, proposed = case_of(log, python=python, uploaded="2021-01-20T02:11:54Z"), []
    while (proposal := propose(case, proposed)) is not None:
        proposed.append(proposal.name)
    assert proposed == names


@pytest.mark.parametrize("line", ["InvalidRequirement: x", "flat-layout", "use_2to3", "setuptools.Feature"])
def test_setuptools_before_66_is_not_tried_where_it_cannot_be_imported(line: str):
    old, new = (FailedBuild("sdist-broken", text=line, python=python) for python in ((3, 11), (3, 12)))
    assert propose(old, set()).name in ("setuptools<66", "setuptools<61", "setuptools<58", "setuptools<46")
    assert propose(new, set()) is None


def test_cython_before_3_never_meets_a_numpy_that_refuses_it():
    proposal = propose(case_of("pyyaml", python=(3, 12)), set())
    assert proposal is not None
    assert proposal.adjustments.constraints == ("Cython<3", "numpy<2.5")


@pytest.mark.parametrize(
    ("line", "python", "name"),
    [
        ("AttributeError: module 'numpy' has no attribute 'in1d'", (3, 13), "numpy<2.4"),
        ("AttributeError: module 'numpy' has no attribute 'row_stack'", (3, 13), "numpy<2.5"),
        ("AttributeError: module 'numpy' has no attribute 'float_'", (3, 12), "numpy<2"),
        ("AttributeError: module 'numpy' has no attribute 'float_'", (3, 13), None),
        ("ModuleNotFoundError: No module named 'numpy.distutils'", (3, 12), None),
        ("ModuleNotFoundError: No module named 'numpy.distutils'", (3, 11), "numpy<2"),
    ],
)
def test_the_newest_numpy_that_has_what_is_missing_is_taken(line: str, python: tuple[int, int], name: str | None):
    proposal = propose(FailedBuild("numpy-abi", text=line, python=python), set())
    assert (proposal and proposal.name) == name


@pytest.mark.parametrize(
    ("line", "failure", "variable", "flag"),
    [
        ("a.o:(.bss+0x0): multiple definition of `debug'", "link-error", "CFLAGS", "-fcommon"),
        ("cc1: all warnings being treated as errors", "compile-error", "CFLAGS", "-Wno-error"),
        (
            "x.c:1:1: error: initialization of ‘f *’ from incompatible pointer type ‘g *’",
            "compile-error",
            "CFLAGS",
            "-Wno-error=incompatible-pointer-types",
        ),
        # The project's -Werror stands behind.
        ("x.c:1: error: ‘x’ is unused [-Werror=unused-variable]", "compile-error", "CFLAGS", "-Wno-unused-variable"),
        ("Error: Rank mismatch in argument ‘a’ at (1)", "compile-error", "FFLAGS", "-fallow-argument-mismatch"),
        ("x.c:1:1: error: too many arguments to function ‘f’", "compile-error", "CFLAGS", "-std=gnu17"),
        (
            "x.cc:1:1: error: ISO C++17 does not allow ‘register’ storage class specifier",
            "compile-error",
            "CXXFLAGS",
            "-std=gnu++14",
        ),
    ],
)
def test_what_newer_compilers_refuse_is_built_with_flags(line: str, failure: str, variable: str, flag: str) -> None:
    proposal = propose(FailedBuild(failure, text=line), set())
    assert proposal is not None
    assert flag in proposal.adjustments.flags[variable]


@pytest.mark.parametrize(
    ("subject", "declared", "name"),
    [
        ("numpy", None, "requirement numpy"),
        ("bdist_wheel", None, "requirement wheel"),
        ("setuptools_scm", None, "requirement setuptools-scm"),
        ("PIL.Image", None, "requirement Pillow"),
        ("pkg_resources", None, "requirement setuptools<81"),
        ("mesonpy", None, "requirement meson-python"),
        ("cf_setup_helpers", None, None),
        ("helping", "helping", "declared requirement helping"),
        ("asynchat", "asynchat", None),
        ("tkinter", "tkinter", None),
        ("sre_constants", None, None),
    ],
)
def test_only_reviewed_and_declared_projects_are_asked_for(subject: str, declared: str | None, name: str | None):
    case = FailedBuild("undeclared-build-requirement", subject, phase="build", declared=declared)
    proposal = propose(case, set())
    assert (proposal and proposal.name) == name


@pytest.mark.parametrize(
    ("phase", "backend", "installed", "name"),
    [
        ("build", "setuptools.build_meta", {"setuptools"}, "setuptools<66"),
        ("requires", "own_backend", {"setuptools"}, "setuptools<66"),
        ("environment", "hatchling.build", set(), "setuptools<66"),
        (None, None, None, "setuptools<66"),
        ("build", "hatchling.build", {"hatchling", "setuptools"}, "date-matched"),
        ("build", "flit_core.buildapi", {"flit-core"}, "date-matched"),
        ("build", "own_backend", set(), None),
        ("unpack", None, None, None),
        ("fetch", None, None, None),
    ],
)
def test_a_remedy_is_tried_only_where_it_can_matter(
    phase: str | None, backend: str | None, installed: set[str] | None, name: str | None
):
    has = None if installed is None else frozenset(installed)
    case = FailedBuild("sdist-broken", text="InvalidRequirement: >=3.6.*", phase=phase, backend=backend, installed=has)
    proposal = propose(replace(case, uploaded="2021-01-20T02:11:54Z"), set())
    assert (proposal and proposal.name) == name


def test_what_was_learned_of_a_name_in_an_error_message_is_not_taken_over(fleet: Fleet):
    fleet.queue("demo", 11)
    entries = [
        {"name": f"requirement {name}", "why": "It is imported.", "change": {"requires": [name]}}
        for name in ("numpy", "cf-setup-helpers")
    ]
    with fleet.catalog.writing() as db:
        db.execute("UPDATE project SET remedies = ? WHERE name = 'demo'", (json.dumps(entries),))
    assert build(fleet).adjustments.requires == ("numpy",)


def test_every_reviewed_name_is_one_that_can_be_looked_up():
    for name in (*projects_of_modules._ELSEWHERE, *projects_of_modules._OF_THAT_NAME):
        assert canonicalize_name(name) == name
        assert projects_of_modules.is_reviewed(projects_of_modules.reviewed(name) or "")


MISSING: dict[str, Any] = {
    "failure_class": "undeclared-build-requirement",
    "missing_kind": "module",
    "blocks": "release",
    "subject": "Help_Ing.sub",
}


def adopt(fleet: Fleet, names: Any) -> int:
    """As a run's delta does it with `controller_adopt_requirements`; returns how many failures it put back."""
    adopted = Policy.from_data({"adopt_requirements": names}).adopt_requirements
    with fleet.catalog.writing() as db:
        PlanInputs([], [], False, "1", {"adopt_requirements": names}).remember(db)
        return requeue_for_adopted(db, adopted, run="run1", now=NOW, max_attempts=MAX_ATTEMPTS)


def test_a_name_that_no_list_knows_is_shown_to_the_operator_first(fleet: Fleet):
    fleet.queue("demo", 11)
    failed = build(fleet)
    fleet.finish(failed.attempt, **MISSING)
    assert fleet.claim() is None
    advice = fleet.one("SELECT advice FROM attempt WHERE id = ?", failed.attempt)
    assert "the project help-ing" in advice
    assert "controller_adopt_requirements: [help-ing]" in advice
    assert adopt(fleet, ["another"]) == 0
    assert fleet.claim() is None
    assert adopt(fleet, ["another", "Help_Ing"]) == 1
    assert build(fleet).adjustments.requires == ()
    assert adopt(fleet, ["another", "Help_Ing"]) == 0


def test_an_adopted_project_is_added_until_it_is_adopted_no_longer(fleet: Fleet):
    adopt(fleet, ["help-ing"])
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, **MISSING)
    again = build(fleet)
    assert again.adjustments.requires == ("help-ing",)
    fleet.finish(again.attempt, outcome="built", serves=(11,))
    fleet.queue("demo", 11, version="2.0")
    adopt(fleet, [])
    assert build(fleet).adjustments.requires == ()


def test_an_adopted_project_that_did_not_help_is_not_suggested_again(fleet: Fleet):
    adopt(fleet, True)
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, **MISSING)
    again = build(fleet)
    assert again.adjustments.requires == ("help-ing",)
    fleet.finish(again.attempt, **MISSING)
    assert fleet.claim() is None
    assert "adopt" not in (fleet.one("SELECT advice FROM attempt WHERE id = ?", again.attempt) or "")


@pytest.mark.parametrize("module", ["tomllib", "sre_constants", "tkinter", "distutils", "_private", "b c", ""])
def test_no_project_is_ever_suggested_for_such_a_module(module: str):
    assert may_need(FailedBuild("undeclared-build-requirement", module)) is None


@pytest.mark.parametrize("module", ["numpy", "bdist_wheel", "yaml", "Crypto.Cipher"])
def test_what_the_reviewed_list_has_is_not_asked_about(module: str):
    assert may_need(FailedBuild("undeclared-build-requirement", module)) is None
    proposal = propose(FailedBuild("undeclared-build-requirement", module, phase="build"), set())
    assert proposal is not None
    assert "bdist" not in str(proposal.adjustments.requires)


@pytest.mark.parametrize(
    "log",
    [
        *("pycups", "py2print", "windows", "nogcc", "needreq", "silentfail", "truncated", "selfneeding"),
        *("sre-315", "tkinter-315", "march", "instruction-armhf"),
    ],
)
def test_what_no_remedy_can_help_gets_none(log: str) -> None:
    assert propose(case_of(log), set()) is None


def test_the_build_environment_of_the_releases_own_time_is_the_last_remedy():
    case = case_of("pyyaml", uploaded="2021-01-20T02:11:54Z", python=(3, 9))
    assert propose(case, {"Cython<3"}).name == "date-matched"
    assert propose(case, {"Cython<3", "date-matched"}) is None


def test_a_date_that_the_failed_build_already_had_is_no_remedy():
    case = case_of("pyyaml", uploaded="2021-01-20T02:11:54Z", python=(3, 13))
    settled = datetime(2025, 4, 5, tzinfo=timezone.utc).timestamp()
    assert propose(replace(case, failed_at=settled + 1), set()).name == "date-matched"
    assert propose(replace(case, failed_at=settled), set()) is None


@pytest.mark.parametrize(
    ("uploaded", "python", "before"),
    [
        ("2024-06-01T10:00:00Z", (3, 11), "2024-06-15T10:00:00Z"),
        ("2024-06-01T10:00:00.123456Z", (3, 11), "2024-06-15T10:00:00Z"),
        ("2016-05-01T00:00:00Z", (3, 11), "2023-04-22T00:00:00Z"),
        ("2021-05-01T00:00:00Z", (3, 15), "2027-03-30T00:00:00Z"),
        ("2021-05-01T00:00:00Z", (3, 16), "2027-03-30T00:00:00Z"),
        ("2018-05-01T00:00:00Z", (3, 8), "2018-05-15T00:00:00Z"),
        (None, (3, 11), None),
        ("yesterday", (3, 11), None),
    ],
)
def test_build_requirements_are_never_older_than_their_python_can_use(
    uploaded: str | None, python: tuple[int, int], before: str | None
):
    assert matched_date(uploaded, python) == before


@pytest.mark.parametrize(
    ("said", "built", "more"),
    [
        ("[37/40] Building C object", None, True),
        ("[3/40] Building C object", None, False),
        ("[ 92%] Building CXX object", None, True),
        ("compiling", 110.0, True),
        ("compiling", 900.0, False),
        ("compiling", None, False),
    ],
)
def test_more_time_is_given_only_near_the_end(said: str, built: float | None, more: bool):
    proposal = propose(FailedBuild("time-out", text=said, seconds=100.0, built_seconds=built), set())
    assert (proposal is not None) == more
    if proposal is not None:
        assert proposal.adjustments.seconds == 201


def test_a_failure_with_a_remedy_goes_back_to_the_queue_of_the_same_run(fleet: Fleet):
    fleet.queue("demo", 11)
    first = build(fleet)
    assert first.adjustments == Adjustments()
    fleet.finish(first.attempt, failure_class="removed-api", blocks="target", evidence="setup.py uses use_2to3, gone.")
    assert progress(fleet.catalog, "run1", NOW).left == 1
    second = build(fleet)
    assert second.attempt != first.attempt
    assert second.adjustments.constraints == ("setuptools<58",)
    fleet.finish(second.attempt, outcome="built", serves=(11,))
    assert fleet.claim() is None


def test_a_remedy_goes_by_the_lines_of_the_log_and_not_by_our_sentence(fleet: Fleet):
    fleet.queue("demo", 11)
    a = build(fleet)
    fleet.finish(a.attempt, failure_class="removed-api", blocks="target", sentence="setup.py uses use_2to3, gone.")
    assert fleet.claim() is None


def test_remedies_add_up_and_each_is_tried_once(fleet: Fleet):
    release = fleet.queue("demo", 11)
    for subject in ("Cython", "numpy", "numpy"):
        a = build(fleet)
        fleet.finish(a.attempt, failure_class="undeclared-build-requirement", blocks="release", subject=subject)
    assert a.adjustments.requires == ("Cython", "numpy")
    assert fleet.claim() is None
    assert fleet.needs(release) == {11: "none"}


def test_the_number_of_remedied_tries_is_bounded(fleet: Fleet):
    release = fleet.queue("demo", 11)
    for subject in ("numpy", "scipy", "six", "cffi", "pybind11"):
        a = build(fleet)
        fleet.finish(a.attempt, failure_class="undeclared-build-requirement", blocks="release", subject=subject)
    assert len(a.adjustments.requires) == remedies.MOST_REMEDIED_TRIES
    assert fleet.claim() is None
    assert fleet.needs(release) == {11: "none"}


def test_other_targets_wait_until_the_remedy_has_told_and_begin_with_it(fleet: Fleet):
    fleet.builder("pi2", 9, 11)
    release = fleet.queue("demo", 9, 11)
    first = build(fleet, host="pi2")
    fleet.finish(first.attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    assert fleet.needs(release) == {9: "now", 11: "later"}
    second = build(fleet, host="pi2")
    assert second.target == "cp39"
    fleet.finish(second.attempt, outcome="built", serves=(9,))
    other = build(fleet, host="pi2")
    assert (other.target, other.adjustments.constraints) == ("cp311", ("setuptools<58",))


def test_the_next_release_begins_with_what_helped_the_last_one(fleet: Fleet):
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    fleet.finish(build(fleet).attempt, outcome="built", serves=(11,))
    fleet.queue("demo", 11, version="2.0")
    a = build(fleet)
    assert (a.version, a.adjustments.constraints) == ("2.0", ("setuptools<58",))


def test_a_remedy_of_one_release_is_left_out_where_it_harms_another(fleet: Fleet):
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    fleet.finish(build(fleet).attempt, outcome="built", serves=(11,))
    fleet.queue("demo", 11, version="2.0")
    fleet.finish(build(fleet).attempt, failure_class="build-requirements", blocks="target")
    a = build(fleet)
    assert a.adjustments == Adjustments()
    fleet.finish(a.attempt, outcome="built", serves=(11,))
    fleet.queue("demo", 11, version="3.0")
    assert build(fleet).adjustments == Adjustments()


def test_bad_luck_with_a_remedy_is_tried_again_with_it(fleet: Fleet):
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    fleet.finish(build(fleet).attempt, failure_class="interrupted-once", blocks=None)
    assert fleet.claim() is None
    assert build(fleet, run="run2").adjustments.constraints == ("setuptools<58",)


def test_who_asks_for_another_try_gets_one_from_the_beginning(fleet: Fleet):
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="something else")
    assert fleet.claim() is None
    with fleet.catalog.writing() as db:
        retry_failures(db, ["demo"], MAX_ATTEMPTS)
    assert build(fleet).adjustments == Adjustments()


def upstream_had(fleet: Fleet, version: str, uploaded: str, *targets: int, name: str = "numpy") -> None:
    """Upstream released this version then; the fleet has a wheel of it for these targets."""
    release = fleet.insert("release", project_id=fleet.project(name), version=version)
    fleet.upstream_file(release, f"{name}-{version}.tar.gz", upload_time=uploaded)
    for target in targets:
        facts = {"sha256": "", "size": 1, "metadata_sha256": "", "tags": "[]", "added_at": 0}
        wheel = fleet.insert("wheel", release_id=release, filename=f"{name}-{version}-{target}.whl", **facts)
        fleet.insert("wheel_target", release_id=release, target_id=target, wheel_id=wheel)


def test_date_matched_builds_use_the_fleets_wheels_of_that_time(fleet: Fleet):
    upstream_had(fleet, "1.9", "2019-01-01T00:00:00Z", 11)
    upstream_had(fleet, "1.10", "2019-05-01T00:00:00Z")
    upstream_had(fleet, "1.11rc1", "2019-05-02T00:00:00Z", 11)
    upstream_had(fleet, "2.0", "2024-01-01T00:00:00Z", 11)
    upstream_had(fleet, "3.0", "2024-01-01T00:00:00Z", 11, name="too-new")
    fleet.builder("pi2", 9)
    upstream_had(fleet, "0.1", "2019-01-01T00:00:00Z", 9, name="elsewhere")
    upstream_had(fleet, "0.1", "2019-01-01T00:00:00Z", 11, name="not-asked-for")
    release = fleet.queue("demo", 11)
    fleet.execute("UPDATE upstream_file SET upload_time = '2022-01-01T00:00:00Z' WHERE release_id = ?", release)
    needed = [{"name": name, "version": "2.0"} for name in ("NumPy", "too_new", "elsewhere", "setuptools")]
    first = build(fleet)
    assert (first.adjustments.constraints, first.adjustments.undated) == ((), ())
    fleet.finish(first.attempt, failure_class="compile-error", blocks="target", build_requires=needed)
    dated = build(fleet)
    assert dated.uploaded_before is not None
    assert dated.adjustments.date_matched
    assert (dated.adjustments.constraints, dated.adjustments.undated) == (("numpy<=1.10",), ("numpy",))


def test_the_date_is_that_of_the_release(fleet: Fleet):
    release = fleet.queue("demo", 11)
    with fleet.catalog.writing() as db:
        db.execute("UPDATE upstream_file SET upload_time = '2024-06-01T10:00:00Z' WHERE release_id = ?", (release,))
        db.execute("UPDATE target SET python_version = '3.11.2' WHERE id = 11")
    fleet.finish(build(fleet).attempt, failure_class="compile-error", blocks="target", evidence="no way")
    assert build(fleet).uploaded_before == "2024-06-15T10:00:00Z"


def test_what_ran_out_of_memory_alone_with_one_job_goes_to_a_larger_host(fleet: Fleet):
    with fleet.catalog.writing() as db:
        db.execute("UPDATE builder SET facts = ?", (json.dumps({"slots": 1, "memory": 1 << 30}),))
    fleet.builder("pi2", 11)
    with fleet.catalog.writing() as db:
        db.execute("UPDATE builder SET facts = ? WHERE host = 'pi2'", (json.dumps({"slots": 1, "memory": 4 << 30}),))
    fleet.queue("demo", 11)
    for _ in range(3):
        a = build(fleet)
        fleet.finish(a.attempt, failure_class="out-of-memory", blocks="target")
    assert (a.alone, a.adjustments.jobs) == (True, 1)
    assert fleet.claim() is None
    assert build(fleet, host="pi2").adjustments.jobs == 1


def test_how_often_a_remedy_was_tried_and_helped_is_counted(fleet: Fleet):
    for name in ("a", "b"):
        fleet.queue(name, 11)
        fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
        a = build(fleet)
        if name == "a":
            fleet.finish(a.attempt, outcome="built", serves=(11,))
        else:
            fleet.finish(a.attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    row = fleet.catalog.db.execute("SELECT * FROM remedy_use").fetchone()
    assert tuple(row) == ("setuptools<58", 2, 1)


TWO_CAUSES = "error: implicit declaration of function ‘f’\ncc1: all warnings being treated as errors\n__pyx_x"


def test_flags_go_along_with_the_first_remedy():
    case = FailedBuild("compile-error", text=TWO_CAUSES, uploaded="2021-01-20T02:11:54Z")
    assert [each.name for each in proposals(case, set())] == ["C anew", "-Wno-error", "older C"]
    assert [each.name for each in proposals(case, {"C anew"})] == ["-Wno-error", "older C"]
    assert [each.name for each in proposals(case, {"C anew", "-Wno-error", "older C"})] == ["date-matched"]


def compile_errors(fleet: Fleet, name: str, *outcomes: str, evidence: str = TWO_CAUSES) -> list[list[str]]:
    """The remedies of a project's attempts, which end so: built, or with a failure of this sentence."""
    fleet.queue(name, 11)
    tried = []
    for sentence in outcomes:
        a = build(fleet, run=name)
        tried.append([each["name"] for each in json.loads(fleet.one(*REMEDIES_OF, a.attempt) or "[]")])
        if sentence == "built":
            fleet.finish(a.attempt, outcome="built", serves=(11,))
        else:
            more = {"sentence": sentence, "evidence": evidence, "phase": "build"}
            fleet.finish(a.attempt, failure_class="compile-error", blocks="target", **more)
    return tried


REMEDIES_OF = ("SELECT remedies FROM attempt WHERE id = ?",)


def outcomes(fleet: Fleet) -> dict[str, tuple[int, int]]:
    rows = fleet.catalog.db.execute("SELECT name, sum(applied), sum(helped) FROM remedy_outcome GROUP BY name")
    return {row[0]: (row[1], row[2]) for row in rows}


def test_a_remedy_helped_if_the_build_got_past_what_it_was_for(fleet: Fleet):
    compile_errors(fleet, "a", "x.c fails", "built")
    assert outcomes(fleet) == {"C anew": (1, 1), "-Wno-error": (1, 1), "older C": (1, 1)}
    compile_errors(fleet, "b", "x.c fails", "x.c fails")
    assert outcomes(fleet)["C anew"] == (2, 1)
    compile_errors(fleet, "c", "x.c fails", "y.c fails")
    assert outcomes(fleet)["C anew"] == (3, 2)
    fleet.queue("d", 11)
    there = {"blocks": "target", "build_requires": [{"name": "setuptools", "version": "80"}]}
    fleet.finish(build(fleet).attempt, failure_class="removed-api", evidence="use_2to3", phase="build", **there)
    fleet.finish(build(fleet).attempt, failure_class="build-requirements", phase="environment", **there)
    assert outcomes(fleet)["setuptools<58"] == (1, 0), "it failed earlier"


def test_bad_luck_says_nothing_of_a_remedy(fleet: Fleet):
    fleet.queue("demo", 11)
    fleet.finish(build(fleet).attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    fleet.finish(build(fleet).attempt, failure_class="network", blocks=None)
    assert outcomes(fleet) == {}
    fleet.finish(build(fleet, run="run2").attempt, outcome="built", serves=(11,))
    assert outcomes(fleet) == {"setuptools<58": (1, 1)}


def test_what_helped_against_a_class_is_tried_first(fleet: Fleet):
    only_flags = "error: ISO C++17 does not allow dynamic exception specifications"
    for name in "abc":
        compile_errors(fleet, name, "x.cc fails", "built", evidence=only_flags)
        compile_errors(fleet, f"{name}2", "x.c fails", "x.c fails", evidence="__pyx_x")
    assert outcomes(fleet) == {"older C++": (3, 3), "C anew": (3, 0)}
    both = f"{only_flags}\n__pyx_x"
    assert compile_errors(fleet, "d", "x.cc fails", "x.cc fails", "x.cc fails", evidence=both) == [
        [],
        ["older C++"],
        ["older C++", "C anew"],
    ]


def test_what_helped_the_project_before_comes_first():
    record = Record({"setuptools<58": 0.9, "date-matched": 0.95}, frozenset({"date-matched"}))
    case = FailedBuild("sdist-broken", text="use_2to3 flat-layout", uploaded="2021-01-20T02:11:54Z")
    assert [each.name for each in proposals(case, set())] == ["setuptools<61"]
    assert [each.name for each in proposals(case, set(), Record(record.scores))] == ["setuptools<58"]
    assert [each.name for each in proposals(case, set(), record)] == ["date-matched"]


def test_every_remedy_is_for_classes_that_exist_and_has_a_name_of_its_own():
    for remedy in remedy_table.REMEDIES:
        assert remedy.classes <= FAILURE_CLASSES.keys(), remedy.name
    assert len(remedy_table.versions()) == len(remedy_table.REMEDIES)


def test_changes_add_up_and_survive_json():
    one = Adjustments(
        ("a<1",), environment={"X": "1"}, flags={"CFLAGS": ("-fcommon",)}, patches=(Patch("p", "t"),), jobs=2
    )
    two = Adjustments(("b<1", "a<1"), environment={"X": "2"}, flags={"CFLAGS": ("-g0",)}, seconds=7, memory=1 << 20)
    both = one | two
    assert both.constraints == ("a<1", "b<1")
    assert both.with_flags({"CFLAGS": "-O1"}) == {"CFLAGS": "-O1 -fcommon -g0", "X": "2"}
    assert Adjustments.from_data(json.loads(json.dumps(both.as_data()))) == both
    assert Adjustments().as_data() == {}
