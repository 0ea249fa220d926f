"""auditwheel's list of what it copied into a wheel (PEP 770, CycloneDX): its wheel's name, and what it lacks.

auditwheel names the wheel as it left it, and wheels get other tags and build tags later. It asks dpkg for the real path
of a library alone, and dpkg on Debian 12 knows those below /lib by another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

#: The file, below `.dist-info`.
PATH = "sboms/auditwheel.cdx.json"
#: Bytes of an SBOM that is read.
LARGEST = 4 << 20
#: Names and versions of Debian's packages (policy 5.6.1, 5.6.12), of a bounded length.
_PACKAGE, _VERSION = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}"), re.compile(r"[0-9][A-Za-z0-9.+:~-]{0,99}")
_WHEEL = re.compile(r'(pkg:pypi/[^"?]*\?file_name=)[^"#&]*')


def named(content: bytes, filename: str) -> bytes:
    """The SBOM of a wheel that has another file name now."""
    name = quote(filename, safe="")
    return _WHEEL.sub(lambda match: match[1] + name, content.decode("utf-8", "replace")).encode()


def with_packages(
    content: bytes | None, filename: str, tool: str, distribution: str, packages: Mapping[str, str]
) -> bytes:
    """The SBOM with these packages of the distribution, by name their versions, unless it has them.

    Without content it is made in auditwheel's form; `tool` is "auditwheel 6.8.2". Raises ValueError for one that is not
    of that form.
    """
    data: dict[str, Any] = json.loads(content) if content is not None else _empty(filename, tool)
    try:
        depends = data["dependencies"][0]["dependsOn"]
        known = {component["name"] for component in data["components"]}
        for name, version in sorted(packages.items()):
            if name not in known:
                purl = f"pkg:deb/{quote(distribution, safe='')}/{quote(name, safe='')}@{quote(version, safe='')}"
                component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
                data["components"].append(component)
                depends.append(purl)
                data["dependencies"].append({"ref": purl})
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"The SBOM has another form than auditwheel's ({error!r}).") from error
    return named(json.dumps(data).encode(), filename)


def copied_packages(content: bytes) -> dict[str, str]:
    """Debian's packages of the copied libraries, by name their versions; of content that is no SBOM: none."""
    try:
        components = json.loads(content)["components"]
        said = [(each["name"], each["version"]) for each in components if each["purl"].startswith("pkg:deb/")]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return {}
    return {
        name: version
        for name, version in said
        if isinstance(name, str) and isinstance(version, str)
        if _PACKAGE.fullmatch(name) and _VERSION.fullmatch(version)
    }


def _empty(filename: str, tool: str) -> dict[str, Any]:
    name, version = filename.split("-")[:2]
    purl = f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}?file_name="
    wheel = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    program, _, its_version = tool.partition(" ")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "version": 1,
        "metadata": {"component": dict(wheel), "tools": [{"name": program, "version": its_version}]},
        "components": [wheel],
        "dependencies": [{"ref": purl, "dependsOn": []}],
    }
