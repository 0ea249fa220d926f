"""Rules for projects that need another system, processor or accelerator."""

from __future__ import annotations

from .rule import any_of, rule

_WINDOWS_AND_APPLE_HEADERS = (
    r"(?:[Ww]indows|winsock2?|ws2tcpip|conio|tchar|io|direct|AvailabilityMacros|TargetConditionals)\.h"
    r"|(?:mach|Carbon|Cocoa|CoreFoundation|CoreAudio|CoreServices|ApplicationServices|AudioToolbox|IOKit|objc)/[\w/.+-]{1,80}"
)
WINDOWS_AND_APPLE_MODULES = (
    *("_overlapped", "_scproxy", "_winapi", "_winreg", "_wmi", "AppKit", "Foundation", "msvcrt", "nt", "objc"),
    *("pythoncom", "pywintypes", "win32api", "win32com", "win32con", "win32file", "winreg", "winsound"),
)
_OTHER_PROCESSOR = "Only builders with another processor can build it; else report it to the project."

OTHER_PLATFORM = (
    rule(
        "wrong-platform",
        rf"fatal error: '?({_WINDOWS_AND_APPLE_HEADERS})'?:? (?:No such file|file not found)",
        "The source includes {found}, which Linux does not have.",
    ),
    rule(
        "wrong-platform",
        rf"No module named '?({any_of(*WINDOWS_AND_APPLE_MODULES)})'?$"
        # Python 3.15 knows its own names.
        r"|-only standard library module '(\w{1,80})'",
        "The build imports {found}, which Linux does not have.",
    ),
    rule(
        "wrong-platform",
        r"fatal error: '?(?:cuda\w{0,40}|cudnn\w{0,40}|cublas\w{0,40}|nccl)\.h"
        r"|^\s+Could NOT find CUDA|directory: 'nvcc'",
        "The project needs NVIDIA's CUDA.",
    ),
    rule(
        "wrong-platform",
        r"unrecognized command[- ]line option .?(-m[\w.=+-]{1,60})"
        r"|bad value [(]?.?([\w.+-]{1,60}?).?[)]? for .?-m(?:arch|cpu|tune|fpu)="
        r"|unrecognized -m\w{1,10} target: (\S{1,60})"
        r"|unknown value .?([\w.+-]{1,60}?).? for .?-m(?:arch|cpu|tune)",
        "The project's compiler option {found} is for another processor.",
        choose="first",
        advice=_OTHER_PROCESSOR,
        settles="target",
    ),
    rule(
        "wrong-platform",
        r"Error: (?:bad instruction|no such instruction:|unknown mnemonic) [`'‘](\w[\w.]{0,20})",
        "The source has the instruction {found}, which this target's processor does not have.",
        choose="first",
        advice=_OTHER_PROCESSOR,
        settles="target",
    ),
    rule(
        "wrong-platform",
        r"fatal error: '?((?:[a-z]{1,3}mmintrin|immintrin|x86intrin|cpuid|arm_neon)\.h)'?:? (?:No such|file not)"
        r"|error: #error .{0,60}\b(SSE\w*|AVX[\w-]*|NEON)\b",
        "The source needs {found}, which this target's processor does not have.",
        advice=_OTHER_PROCESSOR,
        settles="target",
    ),
)

#: Hints: they may explain a failure, but builds also print them about optional parts.
SAYS_OTHER_PLATFORM = (
    rule(
        "wrong-platform",
        r"(?i:unable to determine|could not (?:detect|determine)|cannot (?:detect|determine)) .{0,60}?"
        r"(Raspberry Pi|Beaglebone)",
        "The project wants to be built on a {found}, and does not find that this is one.",
        choose="first",
        advice="A builder of that kind can build it; else a recipe with what the project says of others.",
        settles="target",
    ),
    rule(
        "wrong-platform",
        r"(?i)(?:requires?|needs?|only (?:works|runs|supports?|supported|available|for)|supports? only).{0,60}"
        r"\b(?:Windows|macOS|Mac ?OS ?X|OS ?X|Darwin)\b"
        r"|(?:not (?:supported|available|work|be installed) on|unsupported on) (?:Linux|this platform)",
        "The project says that it is not made for Linux.",
    ),
    rule(
        "wrong-platform",
        r"CUDA_HOME|CUDA_TOOLKIT_ROOT_DIR|nvcc.{0,40}not found",
        "The project needs NVIDIA's CUDA.",
    ),
)
