"""Rules for files and modules that the project misses, for the network, and for other exceptions."""

from __future__ import annotations

from .rule import rule

_CONNECTION_TROUBLE = (
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|Max retries exceeded"
    r"|Could not resolve host|unable to resolve host address|Name or service not known"
    r"|Temporary failure in name resolution|Network is unreachable"
    r"|[Cc]onnection (?:refused|reset|timed out|aborted|broken)|No route to host|CERTIFICATE_VERIFY_FAILED"
    r"|RemoteDisconnected|IncompleteRead|HTTP error 5\d\d|5\d\d Server Error|Failed to connect to"
)

NO_BACKEND = (
    "The build backend {found} cannot be imported: the project does not declare it, or something that it needs."
)

PROJECT = (
    rule(
        "sdist-broken",
        r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})",
        "The build imports {found}, the project itself, which cannot be imported before it is built.",
        own=True,
    ),
    rule(
        "undeclared-build-requirement",
        r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})|error: invalid command '(bdist_wheel)'",
        "The build needs {found}, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "undeclared-build-requirement",
        r"(?:Error|Exception|Exit): .{0,120}\bpip3? install (?:-U |--upgrade )?['\"]?([A-Za-z0-9][\w.-]{0,80})",
        "The build asks for {found}, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "undeclared-build-requirement",
        r"'-m', 'pip', .{0,200}'([A-Za-z0-9][\w.-]{0,80})[^']{0,80}'\]' returned non-zero",
        "setup.py wants to install {found} itself, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "undeclared-build-requirement",
        r"(?i:install requires: )'(\w[\w.-]{0,80})'\. use pip",
        "setup.py asks for {found}, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "undeclared-build-requirement",
        # pip's message for a requirement that it builds, and that of PyPA's build.
        r"Cannot import build backend '([\w.:-]{1,100})'|Backend '([\w.:-]{1,100})' is not available",
        NO_BACKEND,
        missing_kind="module",
        settles="target",
    ),
    rule(
        "undeclared-build-requirement",
        # f2py of numpy 1.23 and later, about a source in another encoding than ASCII.
        r"installing (charset_normalizer) package will help f2py",
        "f2py asks for {found}, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "undeclared-build-requirement",
        r"(?:Error|Exception|Exit): ((?i:numpy|cython|scipy|cffi|pybind11)) (?:is|was) not (?:installed|found)\b",
        "The build asks for {found}, which the project does not declare as a build requirement.",
        missing_kind="module",
    ),
    rule(
        "build-script-error",
        r"error: unknown file type '(\.\w{1,20})' \(from '",
        "The build gives the compiler a file of a type that setuptools does not compile: {found}.",
    ),
    rule(
        "sdist-broken",
        r"FileNotFoundError: \[Errno 2\] No such file or directory: '([^'/][^']{0,200})'",
        "The sdist does not have {found}, which its own build reads.",
    ),
    rule(
        "sdist-broken",
        r"error in .{1,100} setup command: (.{1,200})|invalid pyproject\.toml config: (.{1,200})"
        r"|Failed to parse .{0,200}pyproject\.toml: (.{1,200})|TOMLDecodeError: (.{1,200})"
        r"|(?:InvalidVersion|InvalidSpecifier|InvalidRequirement): (.{1,200})",
        "The project's metadata is not valid: {found}.",
    ),
    rule(
        "sdist-broken",
        r"unable to detect version for|does not appear to be a Python project|neither setup\.py nor pyproject\.toml",
        "The sdist does not have what its build reads its version or metadata from.",
    ),
)

#: Downloads that end a build by the words of Go and CMake.
DOWNLOADS = (
    rule(
        "download-in-build",
        r"(?:^|\s)([\w.~/-]{1,200}@v[\w.+-]{1,60}): (?:Get|reading) \S{0,400}:? .{0,200}"
        r"(?:dial (?:tcp|udp)|proxyconnect|no such host|connection refused|network is unreachable|40[347] |EOF)"
        r"|([\w.~/-]{1,200}@v[\w.+-]{1,60}): module lookup disabled by GOPROXY"
        r"|^[\s|│]*(?:\S{1,200}: )?cannot find module providing package ([\w.~/-]{1,200}):? .{0,200}"
        r"(?:dial tcp|GOPROXY=off|GOFLAGS)",
        "The build wanted the Go module {found}, and builds have no network to get it.",
        only="in the build",
        choose="first",
        advice="The sdist has to carry its Go modules (go mod vendor), so report it to the project; or build the wheel "
        "elsewhere and import it (docs/how-to/published-wheels.md).",
    ),
    rule(
        "download-in-build",
        r"error: downloading '\S{1,500}' failed",
        "The build wanted to download something and could not.",
        only="in the build",
    ),
)

NETWORK = (
    rule(
        "network",
        _CONNECTION_TROUBLE,
        "The index with the build requirements was out of reach.",
        only="in a requirement",
    ),
    rule(
        "download-in-build",
        rf"{_CONNECTION_TROUBLE}|urlopen error"
        r"|(?:Error|Exception|Exit): (?i:failed to|could not|unable to|cannot) download",
        "The build wanted to download something and could not.",
        only="in the build",
    ),
    rule(
        "build-requirements",
        r"No matching distribution found for ([^\s(;]{1,100})|Package '([^']{1,100})' requires a different Python",
        "pip finds no {found} that this target can use.",
    ),
    rule(
        "build-requirements",
        # pip's message about an sdist that needs itself for its build.
        r"LookupError: .{1,900}? is already being built",
        "What is needed for the build needs itself for its own build, and there is no wheel to begin with.",
        only="in a requirement",
        choose="first",
    ),
    rule(
        "build-requirements",
        r"conflicting dependencies|ResolutionImpossible",
        "The build requirements contradict each other.",
        choose="first",
    ),
)

#: The last rule: any exception that ended the build.
EXCEPTIONS = (
    rule(
        "build-script-error",
        r"^[\s|│]*((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt)\b(?:: .{0,200})?)",
        "The build script stopped with {found}.",
    ),
)
