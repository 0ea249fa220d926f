"""The environment variables of a build, independent of the environment in which the worker was started."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..contract.assignment import Assignment
from ..network import NETWORK, chosen, network
from ..processes import ATTEMPT_MARK, HOME_MARK
from .folders import BuilderHome, WorkDir
from .probe import HOST_PLATFORM, narrow_machine
from .reproducible import overridden, reproducible

#: Maps a path of the build to its path inside.
Place = Callable[[Path], str]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Variables that the worker inherits from the process that starts it.
_WORKER = (*NETWORK, "PATH", "HOME", "LANG", "LC_ALL", "TZ")


def worker_environment(present: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a worker, from the environment `present` (by default this process's)."""
    return chosen(_WORKER, present)


def build_environment(
    home: BuilderHome, work_dir: WorkDir, assignment: Assignment, place: Place = str
) -> dict[str, str]:
    """The environment of one build; the assignment's variables override all others except the marks.

    `place` maps a folder of the build to its path inside. Proxies and certificates of the host are not included.
    """
    own, tmp = place(work_dir.home), place(work_dir.tmp)
    variables = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": own,
        "TMPDIR": tmp,
        "XDG_CACHE_HOME": f"{own}/.cache",
        "XDG_CONFIG_HOME": f"{own}/.config",
        "XDG_DATA_HOME": f"{own}/.local/share",
        "XDG_STATE_HOME": f"{own}/.local/state",
        "XDG_RUNTIME_DIR": tmp,
        "PYTHONUNBUFFERED": "1",
        **_platform(assignment["target"]),
        **_parallel(assignment["jobs"]),
        **reproducible(place(work_dir.path), assignment["sdist"]["upload_time"]),
    }
    variables = overridden(variables, assignment["environment"])
    variables.update({HOME_MARK: str(home.path), ATTEMPT_MARK: work_dir.attempt})
    return variables


def pip_environment(
    home: BuilderHome,
    work_dir: WorkDir,
    assignment: Assignment,
    place: Place = str,
    present: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of pip when it installs build requirements, and of the builds that it starts."""
    return {**network(present), **_pip(assignment), **build_environment(home, work_dir, assignment, place)}


def narrowed(target: str) -> str | None:
    """The 32-bit machine of a target on this 64-bit kernel: `armv7l`; None if kernel and target agree."""
    narrow = narrow_machine(os.uname().machine, 32)
    return narrow if narrow and re.search(rf"-linux_{narrow}(?:-|$)", target) else None


def _platform(target: str) -> dict[str, str]:
    """The platform for backends, which otherwise disagree about 32-bit code on a 64-bit kernel."""
    machine = narrowed(target)
    return {HOST_PLATFORM: f"linux-{machine}"} if machine else {}


def _parallel(jobs: int) -> dict[str, str]:
    return {
        "MAKEFLAGS": f"-j{jobs}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
        "CARGO_BUILD_JOBS": str(jobs),
        "NPY_NUM_BUILD_JOBS": str(jobs),
    }


def _pip(assignment: Assignment) -> dict[str, str]:
    """pip's settings for build requirements: a wheel of the fleet or of upstream precedes any sdist.

    pip has no order of indexes; only "prefer binary" lets a wheel of the fleet precede a newer sdist of upstream. The
    builder's own pip configuration is not used.
    """
    options = dict(assignment["pip_options"])
    extra = [*listed(assignment["own_index_url"]), *listed(options.pop("extra_index_url", None))]
    variables = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": assignment["index_url"],
        "PIP_PREFER_BINARY": "1",
        "PIP_NO_INPUT": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    if extra:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(extra)
    if assignment["uploaded_before"] is not None:
        variables["PIP_UPLOADED_PRIOR_TO"] = assignment["uploaded_before"]
    for option, value in options.items():
        variables[f"PIP_{option.upper().replace('-', '_')}"] = " ".join(listed(value))
    return variables


def listed(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [str(item) for item in value]
    return [str(value)]
