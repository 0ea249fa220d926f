"""The work of M(wheelfleet_publish): it renders the site from catalog and files."""

from __future__ import annotations

from wheelfleet import __version__
from wheelfleet.catalog.database import CatalogError
from wheelfleet.engine.publish import publish, site_folder
from wheelfleet.planner.unconsidered import read_unconsidered
from wheelfleet.site.renderer import PublishError
from wheelfleet.site.run_summary import install_line, summary_lines
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Render the changed pages, and return the lines for the end of the run."""

    OPTIONS = documented_options("wheelfleet_publish")
    REFUSALS = (Refused, CatalogError, PublishError)

    def work(self) -> Result:
        p = self.options
        site = p["site"]
        site_url = site["url"].rstrip("/") or site_folder(self.state_dir, site).resolve().as_uri()
        index_url = f"{site_url}/simple"
        if self.check_mode and not self.catalog_path.is_file():
            return {"changed": False, "index_url": index_url, "summary": [], "unconsidered": [], "written": 0}
        with self.catalog() as catalog:
            published = publish(catalog, self.state_dir, site, full=p["full"], dry_run=self.check_mode)
            # Check mode shows the plan instead.
            lines = [] if self.check_mode else summary_lines(catalog.db, p["run"])
            about = f"wheelfleet {__version__}"
            if site["html_pages"]:
                about += f": what was built, what was not and why, and the logs: {site_url}/index.html"
            summary = [*lines, about, install_line(catalog.db, index_url)]
            unconsidered = [each.as_data() for each in read_unconsidered(catalog.db)]
        self.warnings += published.problems
        return {
            "changed": bool(published.changed),
            "index_url": index_url,
            "written": len(published.changed),
            "summary": [line for line in summary if line],
            "unconsidered": unconsidered,
            "diff": {"before": "", "after": "".join(f"{path}\n" for path in published.changed)},
        }
