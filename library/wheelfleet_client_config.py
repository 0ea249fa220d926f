#!/usr/bin/python
"""Have pip or uv install from the fleet's index."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_client_config
short_description: Have pip or uv install from the fleet's index
description:
  - Adds an index to the configuration file of pip or uv, or takes it out again. Other settings, comments and order
    stay as they are; what stands in the way is commented out, and comes back to the last byte with O(state=absent).
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
options:
  path:
    description: The configuration file. It is made if it is missing, and removed if nothing is left in it.
    type: path
    required: true
  client:
    description: Whose configuration it is.
    type: str
    choices: [pip, uv]
    required: true
  state:
    description: Whether the index is to be in it.
    type: str
    choices: [present, absent]
    default: present
  index_url:
    description: The index, with its path C(/simple/). Required with O(state=present).
    type: str
  mode:
    description: Whether the index stands beside those there are, or is the only one.
    type: str
    choices: [extra, only]
    default: extra
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Have pip install from the fleet's index too
  wheelfleet_client_config:
    client: pip
    path: /etc/pip.conf
    index_url: https://wheels.example.org/simple/
"""

RETURN = r"""
path:
  description: The configuration file.
  returned: success
  type: str
"""

import contextlib
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.client_config import (
    ClientConfigError,
    Index,
    pip_configured,
    restored,
    uv_configured,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "client": {"type": "str", "choices": ["pip", "uv"], "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "index_url": {"type": "str"},
            "mode": {"type": "str", "choices": ["extra", "only"], "default": "extra"},
        },
        required_if=[("state", "present", ["index_url"])],
        supports_check_mode=True,
    )
    wanted = module.params
    path = Path(wanted["path"])
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        after = restored(before)
        if wanted["state"] == "present":
            configured = pip_configured if wanted["client"] == "pip" else uv_configured
            after = configured(after, Index(wanted["index_url"], only=wanted["mode"] == "only"))
        if after != before and not module.check_mode:
            write(module, path, after)
    except ClientConfigError as error:
        module.fail_json(msg=f"{path} {error}.")
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"{path} cannot be read or written ({error}); put that right and run this again.")
    module.exit_json(
        changed=after != before,
        path=str(path),
        diff={"before_header": str(path), "after_header": str(path), "before": before, "after": after},
    )


def write(module: AnsibleModule, path: Path, text: str) -> None:
    """Replace a file by a text atomically. An empty text removes the file, and its folder if that is empty then."""
    if not text:
        path.unlink()
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        return
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        path.parent.chmod(0o755)
    is_new = not path.exists()
    with tempfile.NamedTemporaryFile(dir=module.tmpdir, delete=False) as file:
        file.write(text.encode())
    # atomic_move keeps owner and mode; resolve() keeps a symbolic link.
    module.atomic_move(file.name, str(path.resolve()))
    if is_new:
        path.chmod(0o644)


if __name__ == "__main__":
    main()
