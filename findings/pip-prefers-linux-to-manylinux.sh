#!/usr/bin/env bash
# pip 26.3 takes a wheel tagged linux_x86_64 before a manylinux one of the same version; pip 26.2.1 and uv 0.13.9 do not.
#
# A good engineer would guess that a manylinux wheel goes first, as ever: its tag promises that it works here, and a bare
# linux tag promises nothing. pip 26.3 brought a packaging that lists linux tags first. So pip and uv take different files
# from the same index on the same machine, and a mirror that holds unrepaired wheels beside repaired ones serves the
# unrepaired ones again after an update of pip.
#
# Output seen (2026-11-30, Python 3.11, x86-64, glibc 2.36):
#   pip 26.2.1: demo-1.0-py3-none-manylinux_2_17_x86_64.whl
#   pip 26.3: demo-1.0-py3-none-linux_x86_64.whl
#   uv 0.13.9: demo-1.0-py3-none-manylinux_2_17_x86_64.whl
#
# Exit status: 0 as seen, 1 if the behaviour has changed, 2 on another machine.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] || { echo "The wheels of this script are for x86-64." >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv old
python3 -m venv new
old/bin/python -m pip install --quiet --disable-pip-version-check 'pip==26.2.1'
new/bin/python -m pip install --quiet --disable-pip-version-check 'pip==26.3' 'uv==0.13.9'
# Two wheels of one release; each has a module that holds its file name.
python3 - <<'WHEELS'
import base64, hashlib, zipfile
for platform in ("linux_x86_64", "manylinux_2_17_x86_64"):
    name = f"demo-1.0-py3-none-{platform}.whl"
    files = {
        "demo.py": f"NAME = {name!r}\n",
        "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text)}\n"
    files["demo-1.0.dist-info/RECORD"] = record + "demo-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
WHEELS
taken() { PYTHONPATH="$1" python3 -c 'import demo; print(demo.NAME)'; }
settings=(--isolated --quiet --disable-pip-version-check --no-index --find-links . --target)
old/bin/python -m pip install "${settings[@]}" by-old demo
new/bin/python -m pip install "${settings[@]}" by-new demo
new/bin/uv pip install --quiet --no-config --no-cache --offline --no-index --find-links . --python new/bin/python --target by-uv demo
by_old=$(taken by-old) by_new=$(taken by-new) by_uv=$(taken by-uv)
echo "pip 26.2.1: $by_old"
echo "pip 26.3: $by_new"
echo "uv 0.13.9: $by_uv"
[ "$by_old" = demo-1.0-py3-none-manylinux_2_17_x86_64.whl ] && [ "$by_uv" = "$by_old" ]
[ "$by_new" = demo-1.0-py3-none-linux_x86_64.whl ]
