#!/usr/bin/env bash
# CMAKE_POLICY_VERSION_MINIMUM=3.5 gets an old project past the first line of CMake 4, and then CMake 4 stops it.
#
# CMake 4 says of a project for CMake 2.8: "add -DCMAKE_POLICY_VERSION_MINIMUM=3.5 to try configuring anyway". A good
# engineer would guess that this restores what worked with CMake 3.31. But the number also chooses policies, those of 3.5,
# and what has been an error under them since (LOCATION of a target, CMP0026) stays one. So the variable is no substitute for
# an older cmake, which PyPI has: cmake<4.
#
# Output seen (2026-11-30, cmake 3.31.6 and 4.1.0 of PyPI, Debian 12, x86-64):
#   cmake 3.31.6: configured
#   cmake 4.1.0: Compatibility with CMake < 3.5 has been removed
#   cmake 4.1.0 with CMAKE_POLICY_VERSION_MINIMUM=3.5: The LOCATION property may not be read
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '%s\n' 'cmake_minimum_required(VERSION 2.8)' 'project(demo C)' 'add_executable(tool main.c)' \
    'get_target_property(PLACE tool LOCATION)' 'add_custom_target(use COMMAND ${PLACE})' >CMakeLists.txt
echo 'int main(void) { return 0; }' >main.c
for version in 3.31.6 4.1.0; do
    python3 -m venv "$version"
    "$version/bin/python" -m pip install --quiet --disable-pip-version-check "cmake==$version"
done
said() {
    rm -rf build
    if "$1/bin/cmake" -S . -B build -Wno-dev >output 2>&1; then echo configured; return; fi
    tr -s '\n ' '  ' <output | grep -oE 'Compatibility with CMake < 3.5 has been removed|The LOCATION property may not be read' | head -n 1
}
old=$(said 3.31.6) new=$(said 4.1.0) minimum=$(CMAKE_POLICY_VERSION_MINIMUM=3.5 said 4.1.0)
echo "cmake 3.31.6: $old"
echo "cmake 4.1.0: $new"
echo "cmake 4.1.0 with CMAKE_POLICY_VERSION_MINIMUM=3.5: $minimum"
[ "$old" = configured ] && [ "$new" = 'Compatibility with CMake < 3.5 has been removed' ] &&
    [ "$minimum" = 'The LOCATION property may not be read' ]
