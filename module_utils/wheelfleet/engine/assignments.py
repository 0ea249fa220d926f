"""Makes the hand-over of a planned build with the run's options."""

from __future__ import annotations

from ..contract.assignment import SCHEMA, HandOver
from ..planner.batches import PlannedBuild
from .batch_options import BatchOptions


def assignment_for(build: PlannedBuild, options: BatchOptions) -> HandOver:
    """The hand-over of a build, which M(wheelfleet_batch) completes on the builder (builder/complete)."""
    limits = options.limits
    return {
        "schema": SCHEMA,
        "attempt": build.attempt,
        "kind": build.kind,
        "position": build.position,
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
        "go_proxy": options.go_proxy or None,
        "pip_options": dict(options.pip_options),
        "limits": {
            "seconds": float(limits["seconds"]),
            "silence_seconds": float(limits["silence_seconds"]),
            "memory": int(limits.get("memory") or 0),
            "processes": int(limits["processes"]),
            "disk": int(limits["disk"]),
            "log": int(limits["log"]),
        },
        "environment": {key: str(value) for key, value in options.environment.items()},
        "alone": build.alone,
        "sandbox": options.sandbox,
        "adjustments": build.adjustments.as_data(),
        "uploaded_before": build.uploaded_before,
        # The wheel of `builder/canary` (no URL) is never used, so it needs neither repair nor check.
        "finish": {
            "repair": options.repair and bool(build.sdist_url),
            "exclude": list(options.repair_exclude),
            "check": options.check_imports and bool(build.sdist_url),
        },
        "peak_memory": build.peak_memory,
    }
