"""The work of M(wheelfleet_publish): it renders the site from catalog and files."""

from __future__ import annotations

from pathlib import Path

from wheelfleet import __version__
from wheelfleet.catalog.database import CatalogError
from wheelfleet.planner.unconsidered import read_unconsidered
from wheelfleet.site.publication import Settings, publish_site
from wheelfleet.site.renderer import PublishError, SiteFacts
from wheelfleet.site.run_summary import install_line, summary_lines
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Render the changed pages, and return the lines for the end of the run."""

    OPTIONS = documented_options("wheelfleet_publish")
    REFUSALS = (Refused, CatalogError, PublishError)

    def work(self) -> Result:
        p = self.options
        site_dir = Path(p["site_dir"] or self.state_dir / "site")
        site_url = p["url"].rstrip("/") if p["url"] else site_dir.resolve().as_uri()
        index_url = f"{site_url}/simple"
        if self.check_mode and not self.catalog_path.is_file():
            return {"changed": False, "index_url": index_url, "summary": [], "unconsidered": [], "written": 0}
        with self.catalog() as catalog:
            published = publish_site(
                catalog,
                files_dir=self.state_dir / "files",
                logs_dir=self.state_dir / "logs",
                site_dir=site_dir,
                template_dirs=[Path(path) for path in p["templates"]],
                settings=Settings(
                    SiteFacts(p["url"].rstrip("/"), p["title"], p["index_view"]),
                    html_pages=p["html_pages"],
                    grace_seconds=p["grace_days"] * 86400 if p["grace_days"] >= 0 else None,
                    signing_key=Path(p["signing_key"]) if p["signing_key"] else None,
                ),
                full=p["full"],
                dry_run=self.check_mode,
            )
            # Check mode shows the plan instead.
            lines = [] if self.check_mode else summary_lines(catalog.db, p["run"])
            about = f"wheelfleet {__version__}"
            if p["html_pages"]:
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
