"""Builds by way of a cache of upstream: one download for all, no password on the builder; and without it as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support import sdists, wheels
from tests.support.nginx_cache import NginxCache
from tests.support.operator import Operator
from tests.support.upstream import Upstream

REQUIRED = wheels.wheel_file("required", "1.0")
PROOF, WORD = "Basic bWU6cGFzc3dvcmQtb2Ytb3Vycw==", "password-of-ours"


def keeps(folder: Path, word: str) -> list[Path]:
    """The files of a folder that have a word in them, the interpreters' own left out."""
    files = [path for path in folder.rglob("*") if path.is_file() and "tools" not in path.relative_to(folder).parts]
    return [path for path in files if word.encode() in path.read_bytes()]


def test_two_targets_needs_come_once_and_the_cache_keeps_the_password(
    operators: Callable[..., Operator], upstream: Upstream, two_pythons: list[str]
):
    script = f"import os\nassert not [value for value in os.environ.values() if {WORD!r} in value]\n"
    for name in ("one", "two"):
        upstream.add_release(sdists.c_sdist(name, "1.0", build_requires=["required"], script=script))
    upstream.add_release(REQUIRED)
    upstream.basic_auth = ("me", WORD)
    with NginxCache(upstream.index_url, upstream.files_base, authorization=PROOF) as cache:
        operator = operators(
            upstream.index_url_with_password,
            ["one", "two"],
            builder_pythons=two_pythons,
            builder_cache_url=cache.url,
        )
        run = operator.build()
        assert sorted(operator.attempts()) == [("one", "built")] * 2 + [("two", "built")] * 2, run.output
        downloads = [request.path for request in upstream.requests.matching("/files/")]
        assert sorted(downloads) == [
            "/files/one/one-1.0.tar.gz",
            "/files/required/required-1.0-py3-none-any.whl",
            "/files/required/required-1.0-py3-none-any.whl.metadata",
            "/files/two/two-1.0.tar.gz",
        ]
        assert keeps(operator.home, WORD) == []
        assert WORD not in run.output


def test_builders_go_to_upstream_while_the_cache_does_not_answer(
    operators: Callable[..., Operator], upstream: Upstream
):
    upstream.add_release(sdists.c_sdist("lonely", "1.0", build_requires=["required"]))
    upstream.add_release(REQUIRED)
    upstream.basic_auth = ("me", WORD)
    with NginxCache(upstream.index_url, authorization=PROOF) as cache:
        gone = cache.url
    operator = operators(upstream.index_url_with_password, ["lonely"], builder_cache_url=gone)
    run = operator.build()
    assert operator.attempts() == [("lonely", "built")], run.output
    assert run.lines(f"It goes to upstream itself. The cache {gone} does not answer")
    assert WORD not in run.output
