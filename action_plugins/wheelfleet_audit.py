"""What M(wheelfleet_audit) does, where catalog, files and site are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import ansible.module_utils

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.catalog.database import Catalog, CatalogError
from ansible.module_utils.wheelfleet.engine.controller_action import ControllerAction, Refused
from ansible.module_utils.wheelfleet.engine.controller_options import AUDIT_OPTIONS
from ansible.module_utils.wheelfleet.site.audit import Audit


class ActionModule(ControllerAction):
    """Compare, and repair on request."""

    OPTIONS = AUDIT_OPTIONS
    REFUSALS = (CatalogError, OSError)

    def work(self):
        if not self.catalog_path.is_file():
            raise Refused(f"There is no catalog in {self.state_dir}; run build.yml first.")
        site_dir = Path(self.options["site_dir"] or self.state_dir / "site")
        repair = self.options["repair"]
        with Catalog(self.catalog_path) as catalog:
            audit = Audit(
                catalog,
                self.state_dir / "files",
                self.state_dir / "logs",
                site_dir,
                repair=repair and not self.check_mode,
            )
            findings = list(audit.run())
        self.warnings += [finding.sentence for finding in findings]
        return {"changed": bool(findings) and repair, "findings": [asdict(finding) for finding in findings]}
