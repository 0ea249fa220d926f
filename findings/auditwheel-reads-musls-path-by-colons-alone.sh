#!/usr/bin/env bash
# auditwheel 6.8.2 takes the lines of /etc/ld-musl-ARCH.path for one folder whose name has a line break.
#
# A good engineer would guess that a tool that reads the loader's own file finds the libraries that the loader finds.
# musl separates the folders of that file by colons or by line breaks, and Debian's package musl writes lines. auditwheel
# separates them by colons alone. So "auditwheel repair" ends with "required library ... could not be located" for a wheel
# that can be imported there. Alpine has no such file unless somebody writes one, and then one line with colons serves both.
#
# Output seen (2026-11-30, Python 3.11.7, Debian 12, x86-64):
#   by lines: ['/lib/x86_64-linux-musl\n/usr/lib/x86_64-linux-musl']
#   by colons: ['/lib/x86_64-linux-musl', '/usr/lib/x86_64-linux-musl']
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/python -m pip install --quiet --disable-pip-version-check auditwheel==6.8.2
mkdir -p lines/etc colons/etc
printf '/lib/x86_64-linux-musl\n/usr/lib/x86_64-linux-musl\n' >lines/etc/ld-musl-x86_64.path
printf '/lib/x86_64-linux-musl:/usr/lib/x86_64-linux-musl\n' >colons/etc/ld-musl-x86_64.path
tools/bin/python - <<'END'
import sys
from auditwheel.lddtree import load_ld_paths
from auditwheel.libc import Libc

found = {}
for name in ("lines", "colons"):
    folders = load_ld_paths(Libc.MUSL, root=name)["conf"]
    found[name] = [folder.removeprefix(name) for folder in folders]
    print(f"by {name}: {found[name]!r}")
wanted = ["/lib/x86_64-linux-musl", "/usr/lib/x86_64-linux-musl"]
sys.exit(found != {"lines": ["\n".join(wanted)], "colons": wanted})
END
