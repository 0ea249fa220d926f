#!/usr/bin/env bash
# ansible-core 2.21.5 can run no module on a host by Python 3.15; 2.22.0rc1 can.
#
# A good engineer would guess that a module that only answers "pong" runs with any newer Python, at worst with a warning:
# the supported versions are stated for hosts, and Python 3.15 is months old. But the first import of each module patches
# a private function of dataclasses that 3.15 does not have. So a builder may offer Python 3.15 as a target, while Ansible
# itself must be given an older Python of that host.
#
# Output seen (2026-11-30, Python 3.15.0, Debian 14 (testing), x86-64):
#   ansible-core 2.21.5: AttributeError: module 'dataclasses' has no attribute '_is_type'
#   ansible-core 2.22.0rc1: pong
#
# Exit status: 0 as seen, 1 if the behaviour has changed, 2 without Python 3.15, or without one of 3.13 and 3.14.
set -euo pipefail
newer=$(command -v python3.15) || { echo "This needs python3.15." >&2; exit 2; }
controllers=$(command -v python3.14 || command -v python3.13) || { echo "This needs python3.14 or 3.13." >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export ANSIBLE_HOME=$folder/ansible ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false
said() {
    "$controllers" -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$1"
    { "$1/bin/ansible" localhost -c local -e ansible_python_interpreter="$newer" -m ansible.builtin.ping 2>&1 || true; } |
        grep -oE "AttributeError: module 'dataclasses' has no attribute '_is_type'|pong" | tail -n 1 || true
}
old=$(said 2.21.5) new=$(said 2.22.0rc1)
echo "ansible-core 2.21.5: $old"
echo "ansible-core 2.22.0rc1: $new"
[ "$old" = "AttributeError: module 'dataclasses' has no attribute '_is_type'" ] && [ "$new" = pong ]
