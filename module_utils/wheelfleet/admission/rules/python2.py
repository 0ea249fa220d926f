"""Rules for Python 2 code."""

from __future__ import annotations

import re

from .rule import any_of, rule

_PYTHON2_MODULES = any_of(
    *("__builtin__", "BaseHTTPServer", "ConfigParser", "Cookie", "cookielib", "copy_reg", "cPickle", "cStringIO"),
    *("commands", "dummy_thread", "exceptions", "htmlentitydefs", "HTMLParser", "httplib", "md5", "new", "popen2"),
    *("Queue", "repr", "robotparser", "sets", "sha", "SimpleHTTPServer", "SocketServer", "StringIO", "thread"),
    *("Tkinter", "tkMessageBox", "urllib2", "urlparse", "UserDict", "xmlrpclib"),
)
_PYTHON2_NAMES = any_of(
    *("apply", "basestring", "cmp", "execfile", "file", "long", "raw_input", "reduce", "reload", "unichr"),
    *("unicode", "xrange"),
)
_PYTHON2_STATEMENTS = r"^\s*(?:except\s[^:]{1,80},\s*\w+\s*:|print\s+[^\s(=]|raise\s+\w+\s*,|exec\s+[\"'\w])"

PYTHON_2 = (
    rule(
        "python2-syntax",
        rf"(?:ModuleNotFoundError|ImportError): No module named '?({_PYTHON2_MODULES})'?$",
        "The build imports {found}, which only Python 2 has.",
    ),
    rule(
        "python2-syntax",
        r"(SyntaxError: (?:Missing parentheses in call to '(?:print|exec)'"
        r"|multiple exception types must be parenthesized|leading zeros in decimal integer literals)"
        r"|TabError: inconsistent use of tabs and spaces)",
        "The build is written in Python 2: {found}.",
    ),
    rule(
        "python2-syntax",
        r"SyntaxError: invalid syntax",
        "The build is written in Python 2.",
        after=re.compile(_PYTHON2_STATEMENTS),
    ),
    rule(
        "python2-syntax",
        rf"NameError: name '({_PYTHON2_NAMES})' is not defined",
        "The build uses {found}, which only Python 2 has.",
    ),
    rule(
        "python2-syntax",
        r"AttributeError: (?:'dict' object has no attribute '(?:has_key|iter(?:items|keys|values))'"
        r"|'str' object has no attribute 'decode'"
        r"|module 'string' has no attribute '(?:join|letters|lowercase|maketrans|replace|split|uppercase)'"
        r"|module 'sys' has no attribute 'maxint'|module 'os' has no attribute 'getcwdu'"
        r"|module 'urllib' has no attribute '(?:quote|unquote|urlencode|urlopen|urlretrieve)')",
        "The build uses what only Python 2 has.",
    ),
    rule(
        "python2-syntax",
        r"(?i)\b(?:is|works|runs|meant|available) (?:for|with|on|under) Python 2(?:\.\d)? only\b",
        "The project says that it is for Python 2 only.",
    ),
)
