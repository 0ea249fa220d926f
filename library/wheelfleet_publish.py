#!/usr/bin/python
"""Render the pages of what changed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_publish
short_description: Render the pages of what changed
description:
  - Writes the index, and the pages people read, from the catalog and the admitted files, each by one rename. Files
    come before the pages that name them, pages before the lists that name those; deletions go the other way round.
attributes:
  check_mode:
    description: Says which files would change.
    support: full
  diff_mode:
    description: Lists the files written or removed.
    support: full
options:
  state_dir:
    description: The controller's folder with catalog, files and logs.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it; for the summary.
    type: str
    required: true
  site_dir:
    description: The published tree. Defaults to C(site) below O(state_dir).
    type: path
  templates:
    description: Folders with Jinja templates, the operator's before the shipped ones.
    type: list
    elements: path
    required: true
  url:
    description: Where people reach the site. Empty means its path.
    type: str
    default: ''
  title:
    description: What the site calls itself.
    type: str
    default: wheelfleet
  index_view:
    description:
      - What the pages of the index list. V(own) is the fleet's wheels; with V(full) the pages of projects the fleet has
        wheels of also list what upstream has, by upstream's own addresses, so that the index can be used alone.
    type: str
    choices: [own, full]
    default: own
  people:
    description: Whether the pages that people read are made besides the index.
    type: bool
    default: true
  grace_days:
    description:
      - For how many days the files of a release that upstream has deleted stay on the disk, on no page. V(-1) is for
        ever.
    type: float
    default: 30
  signing_key:
    description:
      - An OpenSSH private key of the type Ed25519, without a passphrase, on the controller. Documents of provenance are
        signed with it. Empty means unsigned.
    type: path
  everything:
    description: Whether to render all pages again instead of those whose project changed.
    type: bool
    default: false
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Publish
  wheelfleet_publish:
    state_dir: /srv/wheelfleet
    run: "{{ controller_run.run }}"
    templates: ["{{ playbook_dir }}/../templates"]
"""

RETURN = r"""
index_url:
  description: What pip's --index-url must be.
  returned: success
  type: str
summary:
  description: The run and the catalog in a few lines, with the command to install from the index.
  returned: success
  type: list
  elements: str
written:
  description: How many files were written or removed.
  returned: success
  type: int
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.catalog.database import Catalog, CatalogError, rehearsal
from ansible.module_utils.wheelfleet.publish.renderer import PublishError, SiteFacts
from ansible.module_utils.wheelfleet.publish.report import install_line, summary_lines
from ansible.module_utils.wheelfleet.publish.site import Settings, publish_site


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "site_dir": {"type": "path"},
            "templates": {"type": "list", "elements": "path", "required": True},
            "url": {"type": "str", "default": ""},
            "title": {"type": "str", "default": "wheelfleet"},
            "index_view": {"type": "str", "choices": ["own", "full"], "default": "own"},
            "people": {"type": "bool", "default": True},
            "grace_days": {"type": "float", "default": 30},
            "signing_key": {"type": "path"},
            "everything": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    p = module.params
    state_dir = Path(p["state_dir"])
    site_dir = Path(p["site_dir"] or state_dir / "site")
    site_url = p["url"].rstrip("/") if p["url"] else site_dir.resolve().as_uri()
    index_url = f"{site_url}/simple"
    if module.check_mode and not (state_dir / "catalog.sqlite").is_file():
        module.exit_json(changed=False, index_url=index_url, summary=[], written=0)
    try:
        path = state_dir / "catalog.sqlite"
        with rehearsal(path) if module.check_mode else Catalog(path) as catalog:
            published = publish_site(
                catalog,
                files_dir=state_dir / "files",
                logs_dir=state_dir / "logs",
                site_dir=site_dir,
                template_dirs=[Path(path) for path in p["templates"]],
                settings=Settings(
                    SiteFacts(p["url"].rstrip("/"), p["title"], p["index_view"]),
                    people=p["people"],
                    grace_seconds=p["grace_days"] * 86400 if p["grace_days"] >= 0 else None,
                    signing_key=Path(p["signing_key"]) if p["signing_key"] else None,
                ),
                everything=p["everything"],
                dry_run=module.check_mode,
            )
            # Check mode shows the plan instead.
            lines = [] if module.check_mode else summary_lines(catalog.db, p["run"])
            about = f"What was built, what was not and why, and the logs: {site_url}/index.html" if p["people"] else ""
            summary = [*lines, about, install_line(catalog.db, index_url)]
    except (CatalogError, PublishError) as error:
        module.fail_json(msg=str(error))
    for problem in published.problems[:20]:
        module.warn(problem)
    module.exit_json(
        changed=bool(published.changed),
        index_url=index_url,
        written=len(published.changed),
        summary=[line for line in summary if line],
        diff={"before": "", "after": "".join(f"{path}\n" for path in published.changed)},
    )


if __name__ == "__main__":
    main()
