"""How failures show in the log of a build: an ordered table of lines to look for. The first rule that matches names it.

The order is: what the machine ran out of; messages that say exactly what is missing; what compilers and linkers say;
hints, which a build may also print on its way to another failure; and at last whatever exception ended it.

Every pattern is searched line by line, on lines of limited length, in a time that no line can blow up: gaps and names
are bounded (`.{0,60}`, `\\w{1,80}`), and a repetition inside another one ends in a character it cannot contain.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .apt_packages import package_with_header, package_with_library, package_with_tool


@dataclass(frozen=True)
class Rule:
    failure: str
    pattern: re.Pattern[str]
    #: `{found}` is what the pattern's last matching group has, else `subject`.
    sentence: str
    subject: str = ""
    #: Which of the matching lines tells the cause.
    choose: Literal["first", "last"] = "last"
    #: One of the few lines before has to match this.
    after: re.Pattern[str] | None = None
    #: Only if what was found is the project itself.
    own: bool = False
    #: Only while pip installs the build requirements, or only in the project's own build.
    only: Literal["", "in a requirement", "in the build"] = ""
    #: Which Debian package has what was found.
    package: Callable[[str], str | None] | None = None
    #: Instead of what the class says.
    remedy: str = ""
    settles: Literal["as the class says", "target", "nothing"] = "as the class says"


def _rule(failure: str, pattern: str, sentence: str, **more: object) -> Rule:
    return Rule(failure, re.compile(pattern), sentence, **more)  # type: ignore[arg-type]


def _any_of(*names: str) -> str:
    return "|".join(re.escape(name) for name in names)


_PYTHON2_MODULES = _any_of(
    *("__builtin__", "BaseHTTPServer", "ConfigParser", "Cookie", "cookielib", "copy_reg", "cPickle", "cStringIO"),
    *("commands", "dummy_thread", "exceptions", "htmlentitydefs", "HTMLParser", "httplib", "md5", "new", "popen2"),
    *("Queue", "repr", "robotparser", "sets", "sha", "SimpleHTTPServer", "SocketServer", "StringIO", "thread"),
    *("Tkinter", "tkMessageBox", "urllib2", "urlparse", "UserDict", "xmlrpclib"),
)
_PYTHON2_NAMES = _any_of(
    *("apply", "basestring", "cmp", "execfile", "file", "long", "raw_input", "reduce", "reload", "unichr"),
    *("unicode", "xrange"),
)
_PYTHON2_STATEMENTS = r"^\s*(?:except\s[^:]{1,80},\s*\w+\s*:|print\s+[^\s(=]|raise\s+\w+\s*,|exec\s+[\"'\w])"

_REMOVED_MODULES = _any_of(
    *("_bootlocale", "aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt"),
    *("distutils", "formatter", "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "numpy.distutils"),
    *("ossaudiodev", "parser", "pipes", "pkg_resources", "setuptools", "smtpd", "sndhdr", "spwd", "sunau", "symbol"),
    *("telnetlib", "uu", "xdrlib"),
)
_CHANGED_MODULES = _any_of(
    *sorted({*sys.stdlib_module_names, "distutils", "imp", "numpy", "pip", "pkg_resources", "setuptools", "wheel"})
)
_PYTHON_STRUCTURES = (
    r"(?:Py(?:Thread|Interpreter)State|Py(?:Type|Frame|Code|Long|Unicode)Object"
    r"|struct _(?:ts|is|frame|object|typeobject|longobject))"
)
_QUOTE = r"[‘’'`\"]?"

_WINDOWS_AND_APPLE_HEADERS = (
    r"(?:[Ww]indows|winsock2?|ws2tcpip|conio|tchar|io|direct|AvailabilityMacros|TargetConditionals)\.h"
    r"|(?:mach|Carbon|Cocoa|CoreFoundation|CoreAudio|CoreServices|ApplicationServices|AudioToolbox|IOKit|objc)/[\w/.+-]{1,80}"
)
_WINDOWS_AND_APPLE_MODULES = _any_of(
    *("_winapi", "_winreg", "AppKit", "Foundation", "msvcrt", "objc", "pythoncom", "pywintypes", "win32api"),
    *("win32com", "win32con", "win32file", "winreg", "winsound"),
)

_CONNECTION_TROUBLE = (
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|Max retries exceeded"
    r"|Could not resolve host|Name or service not known|Temporary failure in name resolution|Network is unreachable"
    r"|[Cc]onnection (?:refused|reset|timed out|aborted|broken)|No route to host|CERTIFICATE_VERIFY_FAILED"
    r"|RemoteDisconnected|IncompleteRead|HTTP error 5\d\d|5\d\d Server Error|Failed to connect to"
)

_OTHER_PROCESSOR = "Only builders with another processor can build it; else report it to the project."
_LOOK_FOR_HEADER = "Look for the package that has {found} (apt-file search {found}) and install it on the builder."
_LOOK_FOR_LIBRARY = "Look for the -dev package of {found} (apt search {found}) and install it on the builder."
_LOOK_FOR_TOOL = "Look for the package that has the program {found} (apt-file search bin/{found}) and install it."

RULES = (
    # What the machine ran out of
    _rule(
        "out-of-disk", r"No space left on device|Disk quota exceeded", "The builder's disk is full.", settles="nothing"
    ),
    _rule(
        "killed",
        r"Killed signal terminated program|internal compiler error: Killed|\(signal: 9, SIGKILL",
        "The compiler was killed, most likely by the kernel because the machine's memory ran out.",
    ),
    _rule(
        "out-of-memory",
        r"^[\s|│]*MemoryError\b|virtual memory exhausted|out of memory allocating|Cannot allocate memory|std::bad_alloc"
        r"|LLVM ERROR: out of memory|heap out of memory",
        "The build ran out of memory.",
    ),
    _rule(
        "too-many-processes",
        r"fork: (?:retry: )?Resource temporarily unavailable|BlockingIOError: \[Errno 11\]|can't start new thread"
        r"|[Cc]annot fork|pthread_create failed|failed to spawn thread",
        "The build could not start another process.",
    ),
    # Python 2
    _rule(
        "python2-syntax",
        rf"(?:ModuleNotFoundError|ImportError): No module named '?({_PYTHON2_MODULES})'?$",
        "The build imports {found}, which only Python 2 has.",
    ),
    _rule(
        "python2-syntax",
        r"(SyntaxError: (?:Missing parentheses in call to '(?:print|exec)'"
        r"|multiple exception types must be parenthesized|leading zeros in decimal integer literals)"
        r"|TabError: inconsistent use of tabs and spaces)",
        "The build is written in Python 2: {found}.",
    ),
    _rule(
        "python2-syntax",
        r"SyntaxError: invalid syntax",
        "The build is written in Python 2.",
        after=re.compile(_PYTHON2_STATEMENTS),
    ),
    _rule(
        "python2-syntax",
        rf"NameError: name '({_PYTHON2_NAMES})' is not defined",
        "The build uses {found}, which only Python 2 has.",
    ),
    _rule(
        "python2-syntax",
        r"AttributeError: (?:'dict' object has no attribute '(?:has_key|iter(?:items|keys|values))'"
        r"|'str' object has no attribute 'decode'"
        r"|module 'string' has no attribute '(?:join|letters|lowercase|maketrans|replace|split|uppercase)'"
        r"|module 'sys' has no attribute 'maxint'|module 'os' has no attribute 'getcwdu'"
        r"|module 'urllib' has no attribute '(?:quote|unquote|urlencode|urlopen|urlretrieve)')",
        "The build uses what only Python 2 has.",
    ),
    # What Python, setuptools and CMake no longer have
    _rule(
        "removed-api",
        rf"(?:ModuleNotFoundError|ImportError): No module named '?((?:{_REMOVED_MODULES})(?:\.[\w.]{{1,80}})?)'?$",
        "The build imports {found}, which Python or setuptools no longer have.",
    ),
    _rule(
        "removed-api",
        rf"AttributeError: module '(?:{_CHANGED_MODULES})(?:\.[\w.]{{1,80}})?' has no attribute '(\w{{1,80}})'",
        "The build uses {found}, which its module no longer has.",
    ),
    _rule(
        "removed-api",
        rf"ImportError: cannot import name '(\w{{1,80}})' from '(?:{_CHANGED_MODULES})[.']",
        "The build imports {found}, which its module no longer has.",
    ),
    _rule(
        "removed-api",
        r"error in .{1,100} setup command: (\w{1,40}) is invalid",
        "setup.py uses {found}, which setuptools no longer has.",
    ),
    _rule(
        "removed-api",
        r"fatal error: ((?:longintrepr|Python-ast|graminit|asdl)\.h): No such file or directory",
        "The source includes {found}, which Python no longer has; it is for an older Python, or by an old Cython.",
    ),
    _rule(
        "removed-api",
        rf"error: {_QUOTE}{_PYTHON_STRUCTURES}{_QUOTE} .{{0,80}}has no member named {_QUOTE}(\w{{1,80}})"
        rf"|error: implicit declaration of function {_QUOTE}(_?Py\w{{1,80}})"
        rf"|error: {_QUOTE}(_?Py\w{{1,80}}){_QUOTE} (?:undeclared|was not declared)",
        "The source uses {found}, which Python's C API no longer has; it is for an older Python, or by an old Cython.",
        choose="first",
    ),
    _rule(
        "removed-api",
        r"Compatibility with CMake < [\d.]{1,10} has been removed",
        "The project is made for a CMake older than the one here.",
        remedy="Set CMAKE_POLICY_VERSION_MINIMUM=3.5 in the build's environment, or use a later release.",
    ),
    # Not for this fleet
    _rule(
        "wrong-platform",
        rf"fatal error: '?({_WINDOWS_AND_APPLE_HEADERS})'?:? (?:No such file|file not found)",
        "The source includes {found}, which Linux does not have.",
    ),
    _rule(
        "wrong-platform",
        rf"No module named '?({_WINDOWS_AND_APPLE_MODULES})'?$",
        "The build imports {found}, which Linux does not have.",
    ),
    _rule(
        "wrong-platform",
        r"fatal error: '?(?:cuda\w{0,40}|cudnn\w{0,40}|cublas\w{0,40}|nccl)\.h"
        r"|^\s+Could NOT find CUDA|directory: 'nvcc'",
        "The project needs NVIDIA's CUDA.",
    ),
    _rule(
        "wrong-platform",
        r"unrecognized command[- ]line option .?(-m[\w.=+-]{1,60})",
        "The project's compiler option {found} is for another processor.",
        remedy=_OTHER_PROCESSOR,
        settles="target",
    ),
    _rule(
        "wrong-platform",
        r"fatal error: '?((?:[a-z]{1,3}mmintrin|immintrin|x86intrin|cpuid|arm_neon)\.h)'?:? (?:No such|file not)"
        r"|error: #error .{0,60}\b(SSE\w*|AVX[\w-]*|NEON)\b",
        "The source needs {found}, which this target's processor does not have.",
        remedy=_OTHER_PROCESSOR,
        settles="target",
    ),
    # Programs
    _rule(
        "missing-tool",
        r"error: command '(\w[\w.+-]{0,60})' failed: No such file or directory"
        r"|unable to execute '?(\w[\w.+-]{0,60})'?: No such file or directory"
        r"|Unknown compiler\(s\): \[\['(\w[\w.+-]{0,60})'"
        r"|ERROR: Program '(\w[\w.+-]{0,60})' not found",
        "The build needs {found}, which the builder does not have.",
        package=package_with_tool,
        remedy=_LOOK_FOR_TOOL,
    ),
    _rule(
        "missing-tool",
        r"No CMAKE_(\w{1,20})_COMPILER could be found|CMAKE_(\w{1,20})_COMPILER not set"
        r"|no acceptable (C) compiler found",
        "The build needs a compiler for {found}, which the builder does not have.",
        package=package_with_tool,
    ),
    _rule(
        "missing-tool",
        r"can't find Rust compiler|Rust not found|Cargo, the Rust package manager, is not installed",
        "The build needs a Rust compiler, which the builder does not have.",
        subject="rust",
        package=package_with_tool,
    ),
    _rule(
        "missing-tool",
        r"(?i)CMake (?:\S{1,20} )?(?:must be installed|is required|(?:was )?not found)"
        r"|problems? with the CMake installation",
        "The build needs CMake, which the builder does not have.",
        subject="cmake",
        package=package_with_tool,
    ),
    _rule(
        "missing-tool",
        r"FileNotFoundError: \[Errno 2\] No such file or directory: '([\w+-]{1,60})'",
        "The build needs {found}, which the builder does not have.",
        after=re.compile(r"child_exception_type|_execute_child"),
        package=package_with_tool,
        remedy=_LOOK_FOR_TOOL,
    ),
    # Development files
    _rule(
        "sdist-broken",
        r"cc1(?:plus|obj)?: fatal error: (\S{1,200}): No such file or directory",
        "The sdist lacks {found}, which its own build compiles.",
    ),
    _rule(
        "missing-header",
        r"fatal error: '?([\w./][\w./+-]{0,200})'?:? (?:No such file or directory|file not found)",
        "The header {found} is missing on the builder.",
        package=package_with_header,
        remedy=f"{_LOOK_FOR_HEADER} If no package has it, the sdist lacks a file of its own.",
    ),
    _rule(
        "missing-header",
        r"configure: error: Package requirements \((\w[\w.+-]{0,80})"
        r"|ERROR: Dependency [\"'](\w[\w.+-]{0,80})[\"'] not found",
        "The development files of {found} are missing on the builder.",
        package=package_with_library,
        remedy=_LOOK_FOR_LIBRARY,
    ),
    _rule(
        "missing-header",
        r"^\s+Could NOT find (?!Python)(\w{1,80})",
        "CMake does not find {found} on the builder.",
        after=re.compile("CMake Error"),
        package=package_with_library,
        remedy=_LOOK_FOR_LIBRARY,
    ),
    # Compilers and linkers
    _rule(
        "missing-library",
        r"cannot find -l:?(\w[\w.+-]{0,80})|unable to find library -l(\w[\w.+-]{0,80})",
        "The library {found} is missing on the builder.",
        package=package_with_library,
        remedy=_LOOK_FOR_LIBRARY,
    ),
    _rule(
        "link-error",
        r"undefined reference to [`'‘]?([^`'’]{1,100})|multiple definition of [`'‘]?([^`'’]{1,100})",
        "The linker does not accept the compiled parts ({found}).",
        choose="first",
    ),
    _rule("link-error", r"ld returned \d+ exit status|linking with .{1,20} failed", "The linker failed."),
    _rule("configure-error", r"\bmeson\.build:\d+:\d+: ERROR: (.{1,200})", "Meson stopped: {found}."),
    _rule("configure-error", r"configure: error: (.{1,200})", "configure stopped: {found}."),
    _rule("configure-error", r"CMake Error(?: at \S{1,200})?", "CMake stopped with an error.", choose="first"),
    _rule("compile-error", r"internal compiler error", "The compiler itself failed."),
    _rule(
        "compile-error",
        r"^[\s|│]*\S{1,200}:\d+:(?:\d+:)? (?:fatal )?error: (.{1,200})",
        "The compiler does not accept the source: {found}.",
        choose="first",
    ),
    _rule(
        "compile-error",
        r"^[\s|│]*error: could not compile `([\w-]{1,80})`",
        "The Rust compiler does not accept the crate {found}.",
        choose="first",
    ),
    _rule("compile-error", r"Cython\.Compiler\.Errors\.CompileError|Error compiling Cython file", "Cython stopped."),
    # What the project does not bring along
    _rule(
        "sdist-broken",
        r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})",
        "The build imports {found}, the project itself, which cannot be imported before it is built.",
        own=True,
    ),
    _rule(
        "undeclared-build-requirement",
        r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})|error: invalid command '(bdist_wheel)'",
        "The build needs {found}, which the project does not declare as a build requirement.",
    ),
    _rule(
        "undeclared-build-requirement",
        r"Backend '([\w.:-]{1,100})' is not available",
        "The build backend {found} cannot be imported: the project does not declare it, or something that it needs.",
        settles="target",
    ),
    _rule(
        "sdist-broken",
        r"FileNotFoundError: \[Errno 2\] No such file or directory: '([^'/][^']{0,200})'",
        "The sdist lacks {found}, which its own build reads.",
    ),
    _rule(
        "sdist-broken",
        r"error in .{1,100} setup command: (.{1,200})|invalid pyproject\.toml config: (.{1,200})"
        r"|Failed to parse .{0,200}pyproject\.toml: (.{1,200})|TOMLDecodeError: (.{1,200})"
        r"|(?:InvalidVersion|InvalidSpecifier|InvalidRequirement): (.{1,200})",
        "The project's metadata is not valid: {found}.",
    ),
    _rule(
        "sdist-broken",
        r"unable to detect version for|does not appear to be a Python project|neither setup\.py nor pyproject\.toml",
        "The sdist lacks what its build reads its version or metadata from.",
    ),
    # What comes over the network
    _rule(
        "network",
        _CONNECTION_TROUBLE,
        "The index with the build requirements was out of reach.",
        only="in a requirement",
    ),
    _rule(
        "download-in-build",
        rf"{_CONNECTION_TROUBLE}|urlopen error",
        "The build wanted to download something and could not.",
        only="in the build",
    ),
    _rule(
        "build-requirements",
        r"No matching distribution found for ([^\s(;]{1,100})|Package '([^']{1,100})' requires a different Python",
        "pip finds no {found} that this target can use.",
    ),
    _rule(
        "build-requirements",
        r"conflicting dependencies|ResolutionImpossible",
        "The build requirements contradict each other.",
        choose="first",
    ),
    # Hints: alone they explain a failure, but builds also print them about what they can do without
    _rule(
        "missing-header",
        r"(?i:need to install (?:the )?(\w[\w.+-]{0,80}) (?:development|dev) (?:headers?|files?|packages?|librar))"
        r"|(?i:(\w[\w.+-]{0,80}) (?:development headers?|header files?|headers|development files?)"
        r" (?:(?:is|are) )?(?:not found|missing|required))"
        r"|\b([a-z][\w.+]{0,40}[-_]config)(?: executable)? (?:is )?(?:not found|missing)",
        "The development files of {found} are missing on the builder.",
        package=package_with_library,
        remedy=_LOOK_FOR_LIBRARY,
    ),
    _rule(
        "missing-header",
        r"(?i:(?:could not|couldn't|cannot|can't|unable to) find (?:the )?(?:header )?(?:file )?)"
        r"[‘'`\"<]?([\w./+-]{1,200}\.h)\b",
        "The header {found} is missing on the builder.",
        package=package_with_header,
        remedy=_LOOK_FOR_HEADER,
    ),
    _rule(
        "missing-header",
        r"Package '?(\w[\w.+-]{0,80})'?(?:, required by '[^']{1,80}',)? (?:was )?not found"
        r"|No package '(\w[\w.+-]{0,80})' found|pkg-config --exists (\w[\w.+-]{0,80})' returned non-zero"
        r"|^\S*sh: (?:line )?(?:\d+: )?([\w.+]{1,60}[-_]config): (?:command )?not found",
        "The development files of {found} are missing on the builder.",
        choose="first",
        package=package_with_library,
        remedy=_LOOK_FOR_LIBRARY,
    ),
    _rule(
        "missing-tool",
        r"^[\s|│]*\S*sh: (?:line )?(?:\d+: )?(\w[\w.+-]{0,60}): (?:command )?not found"
        r"|make(?:\[\d+\])?: (\w[\w.+-]{0,60}): No such file or directory",
        "The build needs {found}, which the builder does not have.",
        package=package_with_tool,
        remedy=_LOOK_FOR_TOOL,
    ),
    _rule(
        "wrong-platform",
        r"(?i)(?:requires?|needs?|only (?:works|runs|supports?|supported|available|for)|supports? only).{0,60}"
        r"\b(?:Windows|macOS|Mac ?OS ?X|OS ?X|Darwin)\b"
        r"|(?:not (?:supported|available|work|be installed) on|unsupported on) (?:Linux|this platform)",
        "The project says that it is not made for Linux.",
    ),
    _rule(
        "wrong-platform",
        r"CUDA_HOME|CUDA_TOOLKIT_ROOT_DIR|nvcc.{0,40}not found",
        "The project needs NVIDIA's CUDA.",
    ),
    _rule(
        "build-script-error",
        r"^[\s|│]*((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt)\b(?:: .{0,200})?)",
        "The build script stopped with {found}.",
    ),
)
