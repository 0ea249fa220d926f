"""What a package asks for in its build environment: which lines may be given to a program outside the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.folders import BuilderHome
from wheelfleet.builder.prepare import build_system
from wheelfleet.builder.requirement_lines import are_plain, unpinned
from wheelfleet.builder.uv import uv_environment

from tests.support.builder import NO_INDEX, Builder
from tests.support.sdists import pure_sdist


@pytest.mark.parametrize(
    "line",
    [
        *("setuptools", "setuptools>=40.8.0", "setuptools >= 61, <70", "Cython!=3.0.0,~=0.29", "a[b,c]==1.*"),
        *("numpy==2.0.0; python_version >= '3.9' and platform_machine != \"armv7l\"", "x===1.0+local", "wheel "),
        *("oldest-supported-numpy", "x (>=1.0)", "pybind11[global]>=2.6 ; implementation_name == 'cpython'"),
    ],
)
def test_names_with_versions_extras_and_markers_are_plain(line: str) -> None:
    assert are_plain([line])


@pytest.mark.parametrize(
    "line",
    [
        *("-r /etc/passwd", "--index-url http://x/", "-e .", ".", "./x", "/etc/passwd", "file:///etc/passwd"),
        *(
            "x @ http://127.0.0.1/x.whl",
            "git+https://x/y",
            "http://x/y.whl",
            "x\n-r y",
            "x \\",
            "${HOME}",
            "x ; ${HOME}",
        ),
        *("x --hash=sha256:00", "x # y", "", "x;\n", "x" * 501, "x==1 -r y", "x ; python_version>'3' -r /etc", "ä"),
    ],
)
def test_whatever_else_a_line_may_say_is_not_plain(line: str) -> None:
    assert not are_plain(["setuptools", line])


def test_a_list_without_end_is_not_plain() -> None:
    assert not are_plain([f"x{number}" for number in range(501)])


def test_a_limit_of_numpy_counts_more_than_the_oldest_supported_one() -> None:
    declared = ["Cython>=0.19", "oldest-supported-numpy; python_version > '3'", "oldest_supported_numpy>=2022.1"]
    assert unpinned(declared, ["Cython<3", "numpy>=2"]) == ["Cython>=0.19", "numpy; python_version > '3'", "numpy"]
    assert unpinned(declared, ["Cython<3", "numpydoc<2"]) == declared


def test_a_newer_version_counts_more_than_what_is_declared() -> None:
    declared = ["setuptools<49.2.0", "setuptools-scm", "wheel>=0.37", "Setuptools ==40.8; python_version < '4'"]
    expected = ["setuptools", "setuptools-scm", "wheel>=0.37", "Setuptools; python_version < '4'"]
    assert unpinned(declared, ["setuptools>=66,<81"]) == expected
    assert unpinned(declared, ["setuptools<81"]) == declared


@pytest.mark.parametrize("pyproject", [None, "[project]\nname = 'x'\n", "[build-system]\nrequires = ['setuptools']\n"])
def test_a_project_that_names_no_backend_is_built_by_setuptools(tmp_path: Path, pyproject: str | None) -> None:
    (tmp_path / "setup.py").touch()
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    system = build_system(tmp_path)
    assert (system["backend"], system["requires"][0][:10]) == ("setuptools.build_meta:__legacy__", "setuptools")


def settings(folder: Path, present: dict[str, str] | None = None, **changes: Any) -> dict[str, str]:
    assignment = Builder(folder).assignment(pure_sdist("demo", "1.0"), **changes)
    return uv_environment(BuilderHome(folder), assignment, folder / "tmp", present or {})


def test_uv_gets_pips_options_under_its_own_names(tmp_path: Path) -> None:
    options = {
        "cert": "/etc/own.pem",
        "client_cert": "/etc/client.pem",
        "trusted-host": ["a.example.org", "b.example.org"],
        "timeout": 30,
        "extra_index_url": ["https://one.example.org/simple", "https://two.example.org/simple"],
        "proxy": "http://proxy.example.org:3128",
        "find_links": ["/srv/wheels", "https://files.example.org/"],
    }
    variables = settings(tmp_path, {"PIP_CERT": "/alice.pem"}, own_index_url="file:///srv/simple", pip_options=options)
    expected = {
        "UV_DEFAULT_INDEX": NO_INDEX,
        "UV_INDEX": "file:///srv/simple https://one.example.org/simple https://two.example.org/simple",
        "UV_INSECURE_HOST": "a.example.org b.example.org",
        "UV_FIND_LINKS": "/srv/wheels,https://files.example.org/",
        "UV_HTTP_TIMEOUT": "30",
        "SSL_CERT_FILE": "/etc/own.pem",
        "SSL_CLIENT_CERT": "/etc/client.pem",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "UV_NO_CONFIG": "1",
    }
    assert {name: variables.get(name) for name in expected} == expected


def test_uv_trusts_the_certificates_that_this_machine_names(tmp_path: Path) -> None:
    one, other = (str(tmp_path / name) for name in ("one.pem", "other.pem"))
    for file in (one, other):
        Path(file).write_text("certificates")
    assert settings(tmp_path, {"REQUESTS_CA_BUNDLE": one})["SSL_CERT_FILE"] == one
    assert settings(tmp_path, {"REQUESTS_CA_BUNDLE": one, "SSL_CERT_FILE": other})["SSL_CERT_FILE"] == other
    assert "SSL_CERT_FILE" not in settings(tmp_path)
    gone = {"SSL_CERT_FILE": str(tmp_path / "gone.pem")}
    assert "SSL_CERT_FILE" not in settings(tmp_path, gone), "uv would trust nobody"
    assert settings(tmp_path, {**gone, "CURL_CA_BUNDLE": one})["SSL_CERT_FILE"] == one


def test_uv_keeps_its_cache_below_the_builders_home_and_dates_on_request(tmp_path: Path) -> None:
    variables = settings(tmp_path, uploaded_before="2019-05-01T00:00:00Z")
    assert variables["UV_CACHE_DIR"] == str(tmp_path / "cache" / "uv")
    assert variables["UV_EXCLUDE_NEWER"] == "2019-05-01T00:00:00Z"
    assert "UV_EXCLUDE_NEWER" not in settings(tmp_path)
