"""Makes this host a builder and describes it: the work of M(wheelfleet_builder), and of the code that it installed.

A run calls the installed code where it is the controller's (engine/installed_code.py), because packing, sending and
unpacking a module costs more than the work itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from ..contract.report import ANSWER, InterpreterFacts, OfferedTarget, Report
from .capacity import capacity
from .folders import NotReady
from .install import InstallError, check_commands, check_modules, make_folders, tool_environment
from .probe import ProbeError, host_facts, host_libraries, host_packages
from .sandbox import probe, tracer, version

#: What `make_builder` raises where the host cannot be one.
FAILURES = (InstallError, ProbeError, NotReady)


def make_builder(
    options: Mapping[str, Any], *, check: bool, install_code: Callable[[], list[str]] = list
) -> dict[str, Any]:
    """Make the folders and tool environments that are missing, in check mode none.

    `options` are the module's; `install_code` returns the files that it changed.

    Returns the fields of the report, `changed`, and `diff` with the changed paths. Raises one of FAILURES.
    """
    sandboxed = options["sandbox"]
    why_not = probe() if sandboxed else None
    if why_not is not None:
        raise InstallError(why_not)
    home = Path(options["home"])
    check_commands()
    check_modules()
    made = [*make_folders(home, check=check), *install_code()]
    targets: list[OfferedTarget] = []
    interpreters: dict[str, InterpreterFacts] = {}
    for python in options["pythons"]:
        environment = tool_environment(
            home, python, options["tool_requirements"], options["tool_versions"] or (), check=check
        )
        if environment["changed"]:
            made.append(environment["tools"])
        place = {"tools": environment["tools"], "interpreter": environment["interpreter"]}
        target = cast(OfferedTarget, {**environment["target"], **place})
        if any(known["name"] == target["name"] for known in targets):
            raise InstallError(
                f"builder_pythons names two interpreters for {target['name']}, the second being {python}; "
                "keep one of them."
            )
        targets.append(target)
        interpreters[target["name"]] = {
            "cflags": environment["target"]["cflags"],
            "tools": environment["versions"],
        }
    report = Report(
        facts={
            **host_facts(),
            "slots": capacity(options["parallel"], options["memory"]).parallel,
            "sandbox": version() if sandboxed else None,
            "tracer": tracer(sandboxed=sandboxed),
            "interpreters": interpreters,
        },
        targets=targets,
        packages=host_packages(),
        libraries=host_libraries(),
    )
    return {
        "changed": bool(made),
        **report.as_data(),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in made)},
    }


def main(options: str, *, check: bool) -> None:
    """Print the answer of `make_builder` for options in JSON, or its failure as a module would."""
    try:
        answer = make_builder(json.loads(options), check=check)
    except FAILURES as error:
        answer = {"failed": True, "msg": str(error)}
    print(ANSWER + json.dumps(answer))
