"""The work of M(wheelfleet_audit), on the controller."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.engine.audit import Audit
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Compare catalog, files and site, and repair them on request."""

    OPTIONS = documented_options("wheelfleet_audit")
    REFUSALS = (Refused, CatalogError, OSError)

    def work(self) -> Result:
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
