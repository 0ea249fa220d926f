"""Modules that left Python's standard library: in some Python a builder may have, and not in a newer one."""

REMOVED_MODULES = frozenset(
    {
        "_bootlocale", "_dummy_thread", "_dummy_threading", "dummy_threading", "macpath", "sre_compile",
        "sre_constants", "sre_parse",
        "aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt",
        "distutils", "formatter", "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev",
        "parser", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",
    }
)  # fmt: skip
