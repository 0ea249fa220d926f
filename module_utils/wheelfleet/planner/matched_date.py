"""The time up to which build requirements are chosen when they are to match the release's date."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

#: Build requirements count as those of a release's time until so long after its upload.
DATE_MARGIN = timedelta(days=14)
#: When each Python was released. Build requirements that are much older do not run on it.
_PYTHON_APPEARED = {
    (3, 9): "2020-10-05",
    (3, 10): "2021-10-04",
    (3, 11): "2022-10-24",
    (3, 12): "2023-10-02",
    (3, 13): "2024-10-07",
    (3, 14): "2025-10-07",
    (3, 15): "2026-10-01",
}
_PYTHON_SETTLED = timedelta(days=180)


def matched_date(uploaded: str | None, python: tuple[int, int]) -> str | None:
    """The time up to which build requirements are chosen, as in PEP 700; None if the upload time is unknown.

    It is never before the Python was half a year old, because older build requirements do not run on that Python.
    """
    if uploaded is None:
        return None
    try:
        moment = datetime.fromisoformat(uploaded.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    moment += DATE_MARGIN
    # A Python newer than the table appeared after those in it.
    appeared = _PYTHON_APPEARED.get(python) or (
        max(_PYTHON_APPEARED.values()) if python > max(_PYTHON_APPEARED) else ""
    )
    if appeared:
        moment = max(moment, datetime.fromisoformat(appeared).replace(tzinfo=timezone.utc) + _PYTHON_SETTLED)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
