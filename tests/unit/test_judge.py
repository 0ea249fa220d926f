"""The verdicts: what is built, what is left to upstream, and why, as pip would choose."""

from __future__ import annotations

import pytest
from packaging.tags import compatible_tags, cpython_tags
from packaging.version import Version
from wheelfleet.planner.judge import File, Judgement, Release, Target, epoch_seconds, judge
from wheelfleet.planner.scope import Policy, ScopeRule, Skip

NOW = 1_800_000_000.0


def cpython(minor: int, platforms: tuple[str, ...] = ("manylinux_2_17_x86_64", "linux_x86_64")) -> Target:
    """A CPython target with the tag set packaging itself gives such an interpreter."""
    tags = [
        *cpython_tags((3, minor), abis=[f"cp3{minor}"], platforms=platforms),
        *compatible_tags((3, minor), f"cp3{minor}", platforms),
    ]
    return Target(minor, f"cp3{minor}-{platforms[-1]}", Version(f"3.{minor}.2"), frozenset(map(str, tags)), minor)


def release(version: str, *filenames: str, **about: object) -> Release:
    """A release with the files; the keyword arguments hold for each of them."""
    number = Version(version)
    ident = number.major * 10_000 + number.minor * 100 + number.micro + (50 if number.is_prerelease else 0)
    files = tuple(
        File(ident * 10 + i, name, "wheel" if name.endswith(".whl") else "sdist", **about)  # type: ignore[arg-type]
        for i, name in enumerate(filenames)
    )
    return Release(ident, number, files)


def verdicts(*releases: Release, rule: ScopeRule | None = None, targets: tuple[Target, ...] = (), **policy: object):
    """Verdicts by version and target id, as (verdict, reason)."""
    targets = targets or (cpython(11),)
    found = judge("demo", releases, [rule or ScopeRule("demo")], targets, Policy(**policy), NOW)  # type: ignore[arg-type]
    versions = {r.id: str(r.version) for r in releases}
    return {(versions[v.release_id], v.target_id): (v.verdict, v.reason) for v in found.verdicts.values()}


def test_a_release_with_only_an_sdist_is_built():
    assert verdicts(release("1.0", "demo-1.0.tar.gz"))["1.0", 11][0] == "build"


def test_a_release_with_an_installable_wheel_is_left_to_upstream():
    verdict, reason = verdicts(release("1.0", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"))["1.0", 11]
    assert verdict == "upstream"
    assert "demo-1.0-py3-none-any.whl" in reason


@pytest.mark.parametrize(
    ("wheel", "served"),
    [
        ("demo-1.0-py3-none-any.whl", {9, 11, 13}),
        ("demo-1.0-cp39-abi3-manylinux2014_x86_64.whl", set()),
        ("demo-1.0-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {9, 11, 13}),
        ("demo-1.0-cp311-abi3-manylinux_2_17_x86_64.whl", {11, 13}),
        ("demo-1.0-cp311-none-linux_x86_64.whl", {11}),
        ("demo-1.0-cp311-cp311-linux_x86_64.whl", {11}),
        ("demo-1.0-py2-none-any.whl", set()),
        ("demo-1.0-cp311-cp311-win_amd64.whl", set()),
        ("demo-1.0-cp311-cp311-macosx_11_0_arm64.whl", set()),
        ("demo-1.0-cp311-cp311-manylinux_2_17_aarch64.whl", set()),
    ],
)
def test_a_wheel_serves_exactly_the_targets_that_can_install_it(wheel: str, served: set[int]):
    targets = (cpython(9), cpython(11), cpython(13))
    found = verdicts(release("1.0", wheel, "demo-1.0.tar.gz"), targets=targets)
    assert {target for (_, target), (verdict, _) in found.items() if verdict == "upstream"} == served


def test_only_the_newest_release_is_wanted_by_default():
    assert set(verdicts(release("1.0", "demo-1.0.tar.gz"), release("2.0", "demo-2.0.tar.gz"))) == {("2.0", 11)}


def test_an_entry_may_ask_for_several_of_the_newest_or_for_all():
    releases = [release(f"{n}.0", f"demo-{n}.0.tar.gz") for n in (1, 2, 3)]
    assert set(verdicts(*releases, rule=ScopeRule("demo", newest=2))) == {("3.0", 11), ("2.0", 11)}
    assert len(verdicts(*releases, rule=ScopeRule("demo", newest=None))) == 3


def test_a_specifier_limits_the_choice():
    releases = [release(f"{n}.0", f"demo-{n}.0.tar.gz") for n in (1, 2, 3)]
    assert set(verdicts(*releases, rule=ScopeRule("demo", "<3"))) == {("2.0", 11)}


def test_a_prerelease_is_passed_over_while_there_is_a_final_release():
    found = verdicts(release("2.0rc1", "demo-2.0rc1.tar.gz"), release("1.0", "demo-1.0.tar.gz"))
    assert found["2.0rc1", 11][0] == "passed"
    assert found["1.0", 11][0] == "build"


def test_a_project_with_prereleases_alone_is_built_from_them():
    assert verdicts(release("2.0rc1", "demo-2.0rc1.tar.gz"))["2.0rc1", 11][0] == "build"
    assert verdicts(release("2.0rc1", "demo-2.0rc1.tar.gz"), prereleases="never")["2.0rc1", 11][0] == "passed"


def test_a_requirement_that_names_a_prerelease_gets_it():
    releases = [release("2.0rc1", "demo-2.0rc1.tar.gz"), release("1.0", "demo-1.0.tar.gz")]
    assert set(verdicts(*releases, rule=ScopeRule("demo", ">=2.0rc1"))) == {("2.0rc1", 11)}


def test_a_yanked_release_is_passed_over_with_its_reason_unless_pinned():
    yanked = release("2.0", "demo-2.0.tar.gz", yanked="broken build")
    found = verdicts(yanked, release("1.0", "demo-1.0.tar.gz"))
    assert found["2.0", 11] == ("passed", "yanked: broken build (controller_yanked is false)")
    assert found["1.0", 11][0] == "build"
    assert verdicts(yanked, rule=ScopeRule("demo", "==2.0"))["2.0", 11][0] == "build"
    assert verdicts(yanked, rule=ScopeRule("demo", "==2.*"))["2.0", 11][0] == "passed"
    assert verdicts(yanked, yanked=True)["2.0", 11][0] == "build"


def test_each_target_gets_the_newest_release_its_python_admits():
    releases = [
        release("2.0", "demo-2.0.tar.gz", requires_python=">=3.12"),
        release("1.0", "demo-1.0.tar.gz", requires_python=">=3.8"),
    ]
    found = verdicts(*releases, targets=(cpython(11), cpython(13)))
    assert found["2.0", 13][0] == "build"
    assert found["2.0", 11] == ("passed", "needs Python >=3.12, the target has 3.11.2")
    assert found["1.0", 11][0] == "build"
    assert ("1.0", 13) not in found


def test_an_unreadable_requires_python_excludes_nobody_as_with_pip():
    assert verdicts(release("1.0", "demo-1.0.tar.gz", requires_python="three"))["1.0", 11][0] == "build"


def test_a_release_without_sdist_is_passed_over_until_a_late_sdist_arrives():
    older = release("1.0", "demo-1.0.tar.gz")
    found = verdicts(release("2.0", "demo-2.0-cp311-cp311-win_amd64.whl"), older)
    assert found["2.0", 11] == ("passed", "no sdist: upstream has only wheels for other platforms")
    assert found["1.0", 11][0] == "build"
    late = verdicts(release("2.0", "demo-2.0-cp311-cp311-win_amd64.whl", "demo-2.0.tar.gz"), older)
    assert late["2.0", 11][0] == "build"


def test_a_fresh_release_cools_down_and_is_judged_again_later():
    fresh = release("2.0", "demo-2.0.tar.gz", uploaded=NOW - 3600)
    found: Judgement = judge(
        "demo",
        [fresh, release("1.0", "demo-1.0.tar.gz")],
        [ScopeRule("demo")],
        [cpython(11)],
        Policy(cooldown_hours=24),
        NOW,
    )
    assert {v.verdict for v in found.verdicts.values()} == {"passed", "build"}
    assert found.again_at == NOW + 23 * 3600
    later = judge("demo", [fresh], [ScopeRule("demo")], [cpython(11)], Policy(cooldown_hours=24), NOW + 24 * 3600)
    assert [v.verdict for v in later.verdicts.values()] == ["build"]
    assert later.again_at is None


def test_a_release_of_unknown_age_waits_from_when_it_was_first_seen():
    waiting = verdicts(release("1.0", "demo-1.0.tar.gz", first_seen=NOW - 3600), cooldown_hours=24)["1.0", 11]
    assert waiting[0] == "passed"
    assert "no upload time" in waiting[1]
    seen_long_ago = release("1.0", "demo-1.0.tar.gz", first_seen=NOW - 25 * 3600)
    assert verdicts(seen_long_ago, cooldown_hours=24)["1.0", 11][0] == "build"


def test_without_a_cool_down_nothing_waits_not_even_for_the_future():
    assert verdicts(release("1.0", "demo-1.0.tar.gz", uploaded=NOW + 3600), cooldown_hours=0)["1.0", 11][0] == "build"


def test_a_skipped_release_carries_the_operators_reason():
    skip = (Skip("demo", "<2", "cp311", "hangs on this kernel"),)
    found = verdicts(release("1.0", "demo-1.0.tar.gz"), targets=(cpython(11), cpython(13)), skip=skip)
    assert found["1.0", 11] == ("skip", "skip list: hangs on this kernel")
    assert found["1.0", 13][0] == "build"


def test_policy_always_builds_beside_upstream_but_shadows_no_pure_wheel():
    platform = release("1.0", "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "demo-1.0.tar.gz")
    pure = release("1.0", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz")
    assert verdicts(platform, build="always")["1.0", 11][0] == "build"
    assert verdicts(pure, build="always")["1.0", 11][0] == "upstream"


def test_the_targz_is_taken_where_a_release_has_several_sdists():
    found = judge(
        "demo", [release("1.0", "demo-1.0.zip", "demo-1.0.tar.gz")], [ScopeRule("demo")], [cpython(11)], Policy(), NOW
    )
    assert [v.sdist.filename for v in found.verdicts.values() if v.sdist] == ["demo-1.0.tar.gz"]


def test_several_rules_for_one_project_all_count_also_for_one_target():
    releases = [release(f"{n}.0", f"demo-{n}.0.tar.gz") for n in (1, 2, 3)]
    rules = [ScopeRule("demo"), ScopeRule("demo", "==1.0", 1, frozenset({13}))]
    found = judge("demo", releases, rules, [cpython(11), cpython(13)], Policy(), NOW)
    versions = {r.id: str(r.version) for r in releases}
    assert {(versions[r], t) for r, t in found.verdicts} == {("3.0", 11), ("3.0", 13), ("1.0", 13)}


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T00:00:00Z"])
def test_an_upload_time_that_is_none_is_unknown(text: str | None):
    assert epoch_seconds(text) is None


def test_an_upload_time_is_read_with_and_without_fractions():
    assert epoch_seconds("2026-01-01T00:00:00Z") == epoch_seconds("2026-01-01T00:00:00.000000Z") == 1767225600.0
