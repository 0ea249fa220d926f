"""The failure classes: meaning, scope, retry rule and advice. The documentation and the site's report list them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: What a failure blocks: the release on every target, on this target only, or nothing (None), so that it is retried.
Blocks = Literal["release", "target"]
#: The codes of all failure classes.
ClassName = Literal[
    "missing-header",
    "missing-library",
    "missing-tool",
    "toolchain-too-old",
    "python2-syntax",
    "removed-api",
    "cython-too-new",
    "numpy-abi",
    "python-too-new",
    "undeclared-build-requirement",
    "own-module-missing",
    "wrong-platform",
    "sdist-broken",
    "configure-error",
    "compile-error",
    "link-error",
    "build-script-error",
    "build-requirements",
    "download-in-build",
    "patch-refused",
    "hash-mismatch",
    "sdist-missing",
    "network",
    "out-of-memory",
    "out-of-disk",
    "time-out",
    "silence",
    "too-many-processes",
    "log-limit",
    "killed",
    "interrupted",
    "stopped",
    "host-lost",
    "builder-fault",
    "no-wheel",
    "metadata-mismatch",
    "other-python",
    "import-failed",
    "not-installable",
    "refused",
    "unknown",
]


@dataclass(frozen=True)
class FailureClass:
    name: ClassName
    meaning: str
    blocks: Blocks | None
    #: What the operator can do; readable without the failure's sentence.
    advice: str
    #: The facts of a builder that it depends on: when they change, the builds return to the queue (`planner.requeue`).
    depends_on: frozenset[str] = frozenset()

    @property
    def again(self) -> str:
        """The retry rule, in a sentence."""
        if self.blocks is None:
            return "Tried again by itself, elsewhere where it can be, with growing waits, until the tries are spent."
        words = {"toolchain": "compilers", "packages": "packages", "tools": "tools"}
        on = " or ".join(word for name, word in words.items() if name in self.depends_on)
        what = f"the builder's {on}, " if on else ""
        return f"Tried again when {what}the project's recipe or the fleet's remedies change, or somebody asks for it."


#: The facts of a builder that a failure may depend on.
_PACKAGES, _TOOLS = frozenset({"packages"}), frozenset({"toolchain"})
_BOTH = _PACKAGES | _TOOLS
#: What the builder builds, repairs and installs with: uv, pip, auditwheel and more, as they are locked.
_LOCKED = frozenset({"tools"})

_ALL = (
    # Missing on the builder
    FailureClass(
        "missing-header",
        "The development files of a system library are missing on the builder.",
        "target",
        "Install the -dev or -devel package of that library on the builder.",
        _PACKAGES,
    ),
    FailureClass(
        "missing-library",
        "The linker does not find a system library on the builder.",
        "target",
        "Install the -dev or -devel package of that library on the builder.",
        _PACKAGES,
    ),
    FailureClass(
        "missing-tool",
        "The build calls a program that the builder does not have.",
        "target",
        "Install the program on the builder.",
        _BOTH,
    ),
    FailureClass(
        "toolchain-too-old",
        "The build needs a newer compiler, Rust, Go or CMake than the builder has.",
        "target",
        "Install a newer one on the builder, or have an older release built.",
        _BOTH,
    ),
    # The project itself
    FailureClass(
        "python2-syntax",
        "The project is written for Python 2.",
        "release",
        "Nothing on the builder helps; use a later release or another project.",
    ),
    FailureClass(
        "removed-api",
        "The project uses something that Python, setuptools or CMake no longer have.",
        "target",
        "Use a later release, or a target with an older Python; else report it to the project.",
    ),
    FailureClass(
        "cython-too-new",
        "The source is for an older Cython than the one its build gets.",
        "target",
        "Give the project an older Cython by a recipe (constraints), or use a later release.",
    ),
    FailureClass(
        "numpy-abi",
        "The project is for an older numpy than the one its build gets.",
        "target",
        "Give the project an older numpy by a recipe (constraints), or use a later release.",
    ),
    FailureClass(
        "python-too-new",
        "Something in the build does not know this Python yet.",
        "target",
        "Use a later release, or a target with an older Python.",
    ),
    FailureClass(
        "undeclared-build-requirement",
        "The build imports a module that the project does not declare as a build requirement.",
        "release",
        "The project has to declare it under build-system.requires in pyproject.toml; report it there.",
    ),
    FailureClass(
        "own-module-missing",
        "The build imports a module that lies in its own sdist, where build isolation does not look for it.",
        "release",
        "Report it to the project: its pyproject.toml has no backend-path. source_on_path in a recipe helps.",
    ),
    FailureClass(
        "wrong-platform",
        "The project is made for another operating system, processor or accelerator.",
        "release",
        "Put the project on the skip list; it cannot work on this fleet.",
    ),
    FailureClass(
        "sdist-broken",
        "The sdist cannot be unpacked, misses files it needs, or has metadata that no tool accepts.",
        "release",
        "Nothing on the builder helps; report it to the project and use another release.",
    ),
    FailureClass(
        "configure-error",
        "The project's configure step (CMake, Meson, autoconf) does not accept the builder.",
        "target",
        "Read the lines of the log; install what they ask for on the builder.",
        _BOTH,
    ),
    FailureClass(
        "compile-error",
        "The compiler rejects the source code.",
        "target",
        "Use a later release, or a target with an older Python; else report it to the project.",
        _TOOLS,
    ),
    FailureClass(
        "link-error",
        "The compiled parts cannot be linked.",
        "target",
        "Report it to the project; on the builder, the library may be too old or too new.",
        _BOTH,
    ),
    FailureClass(
        "build-script-error",
        "The project's own build script stops with an error.",
        "target",
        "Read the lines of the log; if they do not name something to install, report them to the project.",
    ),
    FailureClass(
        "build-requirements",
        "pip or Cargo cannot find or install what the project needs for its build.",
        "target",
        "See whether upstream serves the requirement for this Python and machine; else use a later release.",
        _LOCKED,
    ),
    FailureClass(
        "download-in-build",
        "The build itself wanted to download something and could not.",
        "target",
        "Install on the builder what the build would download; builds get nothing but the index.",
        _PACKAGES,
    ),
    FailureClass(
        "patch-refused",
        "A patch of the project's recipe does not fit the sdist.",
        "target",
        "Correct the patch, or limit it to the versions that it was made for (cases in the recipe).",
    ),
    # Upstream
    FailureClass(
        "hash-mismatch",
        "The sdist is not the one whose hash or size upstream states.",
        "release",
        "Ask the upstream index and the project why the file differs; a new upload is tried by itself.",
    ),
    FailureClass(
        "sdist-missing",
        "Upstream lists the sdist but does not serve it.",
        None,
        "Nothing to do: it is tried again, and forgotten when upstream's page no longer lists it.",
    ),
    FailureClass(
        "network",
        "The upstream index or the crate index could not be reached, or broke off.",
        None,
        "It is tried again; if it stays, check the builder's network, DNS, proxy and certificates.",
    ),
    # Limits
    FailureClass(
        "out-of-memory",
        "The build needed more memory than it may have.",
        "target",
        "Give builds more memory (the memory limit, swap, fewer builds at once), or add a builder that has more.",
    ),
    FailureClass(
        "out-of-disk",
        "The build needed more disk space than it may have, or than there is.",
        "target",
        "Raise the disk limit, or free space on the builder.",
    ),
    FailureClass(
        "time-out",
        "The build took longer than it may.",
        "target",
        "Raise the time limit, or add a faster builder.",
    ),
    FailureClass(
        "silence",
        "The build wrote nothing to its log for too long; most likely it hangs.",
        "target",
        "See where its log ends; if it was only slow, raise the limit on silence.",
    ),
    FailureClass(
        "too-many-processes",
        "The build started more processes than it may have.",
        "target",
        "Raise the limit on processes, or give the build fewer jobs.",
    ),
    FailureClass(
        "log-limit",
        "The build wrote more than its log may have.",
        "target",
        "Raise the limit on the log's size if the log is worth it.",
    ),
    FailureClass(
        "killed",
        "Something outside the build killed it, most likely the kernel when the memory ran out.",
        None,
        "It is tried again; if it stays, let the builder build fewer at once or give it swap.",
    ),
    FailureClass(
        "interrupted",
        "The builder stopped or was restarted during the build.",
        None,
        "Nothing to do: it is tried again.",
    ),
    FailureClass(
        "stopped",
        "An operator stopped the build.",
        "target",
        "Put it first (playbooks/builds.yml), or name it in controller_retry, and it is tried again.",
    ),
    FailureClass(
        "host-lost",
        "Builders went down, or silent for good, while they built it.",
        "target",
        "See whether their power supply and memory bear a full load; else put the project on the skip list.",
    ),
    FailureClass(
        "builder-fault",
        "The builder could not prepare the build.",
        None,
        "Provision the builder again (the builder role), and check its disk.",
    ),
    # The built wheel
    FailureClass(
        "no-wheel",
        "The build ended without an error, but left no wheel, or several.",
        "target",
        "Report it to the project: its build backend has to make exactly one wheel.",
    ),
    FailureClass(
        "metadata-mismatch",
        "The wheel calls itself by another name or version than the release it was built from.",
        "release",
        "Report it to the project: sdist and build have to agree on name and version.",
    ),
    FailureClass(
        "other-python",
        "What was built says that it is for other Pythons than the target has, which upstream did not say.",
        "target",
        "Nothing to do: the newest release that is for the target's Python is built instead.",
    ),
    FailureClass(
        "import-failed",
        "The wheel was built, but cannot be imported: a module, a shared library or a symbol is missing.",
        "target",
        "Install what is missing on the builder or report it to the project; controller_failed_imports: flag publishes "
        "such wheels.",
        _PACKAGES | _LOCKED,
    ),
    FailureClass(
        "not-installable",
        "The wheel was built, but pip or uv refuses to install it.",
        "target",
        "Report what the installer says to the project; controller_failed_imports: flag publishes such wheels.",
        _LOCKED,
    ),
    FailureClass(
        "refused",
        "The wheel contradicts itself or is not safe to install; the controller does not publish it.",
        "target",
        "Report it to the project or its build backend, or put it on the skip list.",
        _LOCKED,
    ),
    FailureClass(
        "unknown",
        "The build failed, and the log does not say why in a way that is known here.",
        "target",
        "Read the end of the log.",
    ),
)

#: By name, in the order in which to list them.
FAILURE_CLASSES: Mapping[str, FailureClass] = {entry.name: entry for entry in _ALL}

#: Exceptions by which build scripts say something (class `build-script-error`). All others are faults in a program.
SAYS_SOMETHING = re.compile(
    r"\b(?:SystemExit|RuntimeError|Exception|(?:OS|IO|Environment|FileNotFound|CalledProcess|Value)Error"
    r"|Distutils\w{1,20}Error|(?:Compile|Link|CCompiler|Build)\w{0,20}Error)\b"
)
