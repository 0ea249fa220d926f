"""The tools that read the code: each must have nothing to say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import role_docs

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> str:
    """Run a tool of this environment in the checkout; its output is shown when it fails."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("yamllint", "--strict", "."),
        ("ansible-config", "validate", "-t", "all"),
        ("ansible-playbook", "--syntax-check", "build.yml"),
        ("ansible-inventory", "-i", "inventory/example", "--list"),
        ("ansible-playbook", "--syntax-check", "-i", "inventory/example", "playbooks/provision.yml", "build.yml"),
        (
            "ansible-playbook",
            "--syntax-check",
            "-i",
            "inventory/example",
            "playbooks/retire.yml",
            "playbooks/client.yml",
            "playbooks/publish.yml",
        ),
        ("ansible-lint", "--offline", "--strict", "--profile", "production"),
    ],
    ids=lambda command: " ".join(command[:2] + command[-1:]),
)
def test_the_tool_has_nothing_to_say(command: tuple[str, ...]):
    run(*command)


@pytest.mark.parametrize("module", sorted(path.stem for path in (REPOSITORY / "library").glob("*.py")))
def test_ansible_doc_reads_the_modules_documentation(module: str):
    assert module in run("ansible-doc", "-t", "module", module)


@pytest.mark.parametrize("role", sorted(path.name for path in (REPOSITORY / "roles").iterdir()))
def test_a_roles_argument_spec_and_its_defaults_say_the_same(role: str):
    defaults = yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text())
    specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    options = {name: option.get("default") for spec in specs.values() for name, option in spec["options"].items()}
    assert {name: str(value) for name, value in options.items()} == {n: str(v) for n, v in defaults.items()}


@pytest.mark.parametrize("role", sorted(path.name for path in (REPOSITORY / "roles").iterdir()))
def test_a_roles_readme_says_what_its_argument_spec_says(role: str):
    folder = REPOSITORY / "roles" / role
    assert (folder / "README.md").read_text() == role_docs.page(folder), role_docs.__doc__


def jinja_of(path: Path) -> Iterator[str]:
    """Every expression of a template, a playbook or a file of tasks or variables."""
    if path.suffix == ".j2":
        yield from re.findall(r"{[{%](.*?)[}%]}", path.read_text(), re.DOTALL)
        return

    def walk(value: object, bare: bool) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, key in ("when", "that", "until", "failed_when", "changed_when", "break_when"))
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner, bare)
        elif isinstance(value, str):
            # A condition is never handed on as it is.
            yield from [f"({value})"] if bare else re.findall(r"{{(.*?)}}", value, re.DOTALL)

    yield from walk(yaml.safe_load(path.read_text()), bare=False)


def test_computed_variables_take_text_for_booleans_and_lists():
    """A module converts what it is given, Jinja does not: "false" is true there, and text for a list is letters."""
    filters = {"bool": "bool", "list": "wheelfleet_list"}
    options: dict[str, str] = {}
    for spec in REPOSITORY.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(spec.read_text())["argument_specs"].values():
            options |= {name: option["type"] for name, option in entry["options"].items() if option["type"] in filters}
    wrong, default = [], r"default\([^)]*\)\s*"
    folders = ("tasks", "vars", "handlers", "templates")
    paths = [path for folder in folders for path in REPOSITORY.glob(f"roles/*/{folder}/*.*")]
    for path in [*paths, *REPOSITORY.glob("playbooks/*.yml")]:
        for expression in jinja_of(path):
            # Text in quotes may name a variable; one handed on as it is goes to a module, or to another expression.
            code = re.sub(r"'[^']*'|\"[^\"]*\"", "''", expression).strip()
            for match in re.finditer(r"(?<![.\w])\w+\b", code):
                kind = filters.get(options.get(match[0], ""))
                converted = re.match(rf"\s*\|\s*({default}\|\s*)?{kind}\b", code[match.end() :])
                if kind and code != match[0] and not converted:
                    wrong.append(f"{path.relative_to(REPOSITORY)}: {match[0]} needs | {kind}")
    assert wrong == []


def test_no_file_names_a_registry_or_a_path_of_a_developers_machine():
    tracked = run_git("ls-files", "-z").split("\0")
    # Spelled apart, so that this file does not name them itself.
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("deb", "debian", "org"))]
    hosts += [".".join(parts) for parts in (("registry", "npmjs", "org"), ("debian", "org"))]
    names = "|".join(map(re.escape, hosts))
    # Not the folder of that name in every process's view of the file system (/proc/PID/root).
    # Examples are for Pis, whose ordinary user has that home.
    homes = {str(Path.home())} - {"/home/pi"}
    paths = "|".join(map(re.escape, [str(REPOSITORY), *homes]))
    words = re.compile(rf"{names}|(?<![\w}}])(?:{paths})\b")
    found = {}
    for name in filter(None, tracked):
        path = REPOSITORY / name
        if path.is_file():
            text = path.read_text(errors="replace")
            found |= {f"{name}: {match[0]}": 1 for match in words.finditer(text)}
    assert not found


def run_git(*arguments: str) -> str:
    """git, which is no tool of the environment."""
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
