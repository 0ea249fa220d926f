"""From a planned build and the run's options to the assignment that a builder gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contract.adjustments import Adjustments
from ..contract.assignment import Kind
from ..planner.batches import PlannedBuild
from ..planner.rebuild_sample import WITNESS
from ..planner.suspension import CANARY
from .batch_options import BatchOptions


def assignment_for(build: PlannedBuild, options: BatchOptions) -> dict[str, Any]:
    """The assignment as the builder reads it, but for what the module on the builder adds."""
    adjustments = build.adjustments
    return {
        "schema": 1,
        "attempt": build.attempt,
        "kind": build.kind,
        "order": build.order,
        "name": build.name,
        "version": build.version,
        "sdist": {
            "filename": build.sdist_filename,
            "url": build.sdist_url,
            "sha256": build.sdist_sha256,
            "size": build.sdist_size,
            "upload_time": build.sdist_upload_time,
        },
        "target": build.target,
        "tools": build.tools,
        "own_index_url": options.own_index_url,
        "crates_index": options.crates_index or None,
        "pip_options": dict(options.pip_options),
        "limits": _limits(options.limits, adjustments),
        "environment": adjustments.with_flags({key: str(value) for key, value in options.environment.items()}),
        "jobs": adjustments.jobs,
        "alone": build.alone,
        "sandbox": options.sandbox,
        "adjust": {
            "constraints": list(adjustments.constraints),
            "requires": list(adjustments.requires),
            "uploaded_before": build.uploaded_before,
            "patches": [{"name": patch.name, "text": patch.text} for patch in adjustments.patches],
            "config_settings": dict(adjustments.config_settings),
            "regenerate": adjustments.regenerate,
            "modernize": adjustments.modernize,
            "source_on_path": adjustments.source_on_path,
        },
        # Our own canary is no wheel to be used: it only shows that the builder builds.
        "finish": {
            "repair": options.repair and bool(build.sdist_url),
            "exclude": list(options.repair_exclude),
            "check": options.check_imports and bool(build.sdist_url),
        },
        "peak_memory": max(build.peak_memory, adjustments.memory or 0),
    }


def kind_of(attempt: str, planned: Mapping[str, PlannedBuild]) -> Kind:
    """Why an attempt is built: from what this session has `planned`, or for a late result from the form of its id."""
    if attempt in planned:
        return planned[attempt].kind
    if attempt.startswith(CANARY):
        return "canary"
    return "rebuild" if attempt.startswith(WITNESS) else "build"


def _limits(usual: Mapping[str, Any], adjustments: Adjustments) -> dict[str, Any]:
    """The limits of a build, with what a recipe or a remedy says of time and memory."""
    limits = dict(usual)
    if adjustments.seconds is not None:
        limits["seconds"] = adjustments.seconds
    if adjustments.memory is not None:
        limits["memory"] = adjustments.memory
    return limits
