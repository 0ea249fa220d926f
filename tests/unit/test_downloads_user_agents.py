"""What user agents tell: those of real clients as they came to a loopback server, and what strangers may send."""

from __future__ import annotations

import json

import pytest
from wheelfleet.downloads.user_agents import LONGEST_AGENT, Client, read_agent

PIP = {
    "ci": None,
    "cpu": "x86_64",
    "distro": {
        "id": "bookworm",
        "libc": {"lib": "glibc", "version": "2.36"},
        "name": "Debian GNU/Linux",
        "version": "12",
    },
    "implementation": {"name": "CPython", "version": "3.11.7"},
    "installer": {"name": "pip", "version": "26.3"},
    "openssl_version": "OpenSSL 3.0.22 25 Aug 2026",
    "python": "3.11.7",
    "rustc_version": "1.95.0",
    "setuptools_version": "84.2.1",
    "system": {"name": "Linux", "release": "6.18.44"},
}
UV = {
    "installer": {"name": "uv", "version": "0.13.9", "subcommand": ["pip", "install"]},
    "python": "3.13.0",
    "implementation": {"name": "CPython", "version": "3.13.0"},
    "distro": {"name": "Raspbian GNU/Linux", "version": "11", "id": "bullseye"},
    "system": {"name": "Linux", "release": "6.18.44"},
    "cpu": "armv7l",
    "ci": None,
}


def pip(**said: object) -> str:
    return f"pip/26.3 {json.dumps({**PIP, **said}, separators=(',', ':'))}"


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        (pip(), Client("pip", "3.11", "x86_64", "Debian GNU/Linux 12")),
        (f"uv/0.13.9 {json.dumps(UV)}", Client("uv", "3.13", "armv7l", "Raspbian GNU/Linux 11")),
        ("poetry/2.5.1 CPython/3.11.7 Linux/6.18.44", Client("poetry", "3.11", "", "Linux")),
        ("pdm/2.28.1 CPython/3.12.1 Linux/6.18.44", Client("pdm", "3.12", "", "Linux")),
        ("pip/1.5.6 CPython/2.7.9 Linux/3.16", Client("pip")),
        ("curl/7.88.1", Client("other")),
        ("Wget/1.21.3", Client("other")),
        ("Python-urllib/3.11", Client("other")),
    ],
    ids=lambda value: value.partition(" ")[0] if isinstance(value, str) else "",
)
def test_a_client_is_read_from_what_it_sends(agent: str, client: Client):
    assert read_agent(agent) == client


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "-",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (compatible; Examplebot/2.1; +http://www.example.org/bot.html)",
        "ExampleBot/1.0",
        "examplecrawler",
        "bandersnatch/6.5.0 (cpython 3.11.2-final0, Linux x86_64)",
        "x" * (LONGEST_AGENT + 1),
    ],
)
def test_browsers_bots_mirrors_and_the_nameless_install_nothing(agent: str):
    assert read_agent(agent) is None


@pytest.mark.parametrize(
    ("said", "system"),
    [
        ({"distro": {"name": "Alpine Linux", "version": "3.19.1"}}, "Alpine Linux 3.19"),
        ({"distro": {"name": "Arch Linux"}}, "Arch Linux"),
        ({"distro": {"name": "macOS", "version": "14.6.1"}}, "macOS 14.6"),
        ({"distro": None, "system": {"name": "Windows", "release": "10"}}, "Windows 10"),
        ({"distro": None}, "Linux"),
        ({"distro": {"name": "Debian GNU/Linux", "version": "trixie/sid"}}, "Debian GNU/Linux"),
    ],
)
def test_a_system_is_a_name_and_at_most_two_numbers(said: dict[str, object], system: str):
    client = read_agent(pip(**said))
    assert client is not None
    assert client.system == system


@pytest.mark.parametrize(
    "said",
    [
        {"python": "<script>", "cpu": "<b>", "distro": {"name": "<i>x</i>"}, "system": {"name": "'"}},
        {"python": "9" * 300, "cpu": "a" * 300, "distro": {"name": "b" * 300}, "system": None},
        {"python": 3.11, "cpu": ["x"], "distro": ["Debian"], "system": "Linux"},
        {"python": "3.11\n", "cpu": "armv7l\n", "distro": {"name": "Debian\n"}, "system": {"name": "\u202e"}},
        {"python": None, "cpu": None, "distro": {"name": None, "version": None}, "system": {"name": ["Linux"]}},
    ],
)
def test_what_is_no_plausible_value_is_no_value(said: dict[str, object]):
    assert read_agent(pip(**said)) in (Client("pip"), Client("pip", "3.11"))


@pytest.mark.parametrize("details", ["", "{", "[]", "null", "[" * 1900, '{"python": ' + "1" * 1900 + "}", "{}" * 9])
def test_details_that_are_no_object_leave_the_installers_name(details: str):
    assert read_agent(f"uv/0.5.1 {details}") == Client("uv")
