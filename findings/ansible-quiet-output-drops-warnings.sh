#!/usr/bin/env bash
# ansible-core 2.19.14, callback ansible.builtin.default: display_ok_hosts=false drops warnings.
#
# A good engineer would guess that hiding hosts that were ok hides the line "ok: [host]" and no more. Since ansible-core
# 2.19 the callback shows the warnings of a result itself, and it returns before that when it leaves a host out: a module's
# warning, deprecation included, then appears nowhere, not on the screen and not in the log file. With a changed result,
# or with display_ok_hosts=true, it is shown.
#
# Output seen (2026-11-29, Python 3.11):
#   display_ok_hosts=true: the warning is shown 1 time
#   display_ok_hosts=false: the warning is shown 0 times
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check 'ansible-core==2.19.14'
mkdir "$folder/library"
cat > "$folder/library/warns.py" <<'MODULE'
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({})
module.warn("Here is something to look at.")
module.exit_json(changed=False)
MODULE
cat > "$folder/play.yml" <<'PLAY'
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - warns: {}
PLAY
cd "$folder"
touch ansible.cfg
export ANSIBLE_CONFIG="$folder/ansible.cfg" ANSIBLE_NOCOLOR=1 LC_ALL=C.UTF-8
shown() {
  ANSIBLE_DISPLAY_OK_HOSTS=$1 env/bin/ansible-playbook -i localhost, -c local play.yml </dev/null 2>&1 \
    | grep -c 'Here is something to look at' || true
}
with=$(shown true) without=$(shown false)
echo "display_ok_hosts=true: the warning is shown $with time"
echo "display_ok_hosts=false: the warning is shown $without times"
[ "$with" = 1 ] && [ "$without" = 0 ]
