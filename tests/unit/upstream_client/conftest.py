"""An upstream with spam 1.0 and 2.0, and a client that asks it without long pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wheelfleet.upstream import backoff, client
from wheelfleet.upstream.client import Upstream as Client

from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream


@pytest.fixture(autouse=True)
def _nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TRY_AGAIN_AFTER", (0.01, 0.02))
    monkeypatch.setattr(backoff, "_PAUSES", (0.01, 0.02, 0.04, 0.08))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.add_release(pure_sdist("spam", "1.0"))
        server.add_release(pure_sdist("spam", "2.0"))
        yield server


@pytest.fixture
def asking(upstream: Upstream) -> Iterator[Client]:
    with Client(upstream.index_url, timeout=5) as asking:
        yield asking
