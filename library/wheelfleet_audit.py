#!/usr/bin/python
"""Compare catalog, files and site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_audit
short_description: Compare catalog, files and site
description:
  - Compares, both ways, the catalog with the controller's wheels and logs, and these with the site's, to the last byte;
    and counts afresh what triggers keep. Pages are not compared, for M(wheelfleet_publish) with
    O(wheelfleet_publish#module:everything) makes them anew. It reads everything, and takes as long.
  - With O(repair) it then makes them agree. A wheel whose bytes are lost on the controller is taken from the site; if
    they are lost there too it is forgotten, and built again. Files the catalog does not know are removed.
attributes:
  check_mode:
    description: Finds, and repairs nothing.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
options:
  state_dir:
    description: The controller's folder with catalog, files and logs.
    type: path
    required: true
  site_dir:
    description: The published tree. Defaults to C(site) below O(state_dir).
    type: path
  repair:
    description: Whether what does not agree is repaired.
    type: bool
    default: false
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Compare
  wheelfleet_audit:
    state_dir: /srv/wheelfleet
"""

RETURN = r"""
findings:
  description: What does not agree, or did not before it was repaired.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is, for programs.
      type: str
    path:
      description: The file, below files/ or logs/ of the controller or of the site, or the counter.
      type: str
    sentence:
      description: What it is, and what a repair does about it.
      type: str
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.catalog.database import Catalog, CatalogError
from ansible.module_utils.wheelfleet.publish.audit import Audit


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "site_dir": {"type": "path"},
            "repair": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    p = module.params
    state_dir = Path(p["state_dir"])
    site_dir = Path(p["site_dir"] or state_dir / "site")
    if not (state_dir / "catalog.sqlite").is_file():
        module.fail_json(msg=f"There is no catalog in {state_dir}; run build.yml first.")
    repair = p["repair"] and not module.check_mode
    try:
        with Catalog(state_dir / "catalog.sqlite") as catalog:
            audit = Audit(catalog, state_dir / "files", state_dir / "logs", site_dir, repair=repair)
            findings = list(audit.run())
    except (CatalogError, OSError) as error:
        module.fail_json(msg=str(error))
    for finding in findings[:20]:
        module.warn(finding.sentence)
    if len(findings) > 20:
        module.warn(f"… and {len(findings) - 20} more.")
    module.exit_json(changed=bool(findings) and p["repair"], findings=[asdict(finding) for finding in findings])


if __name__ == "__main__":
    main()
