"""A publication with the options of M(wheelfleet_publish), at the end of a run and by the flow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..catalog.database import Catalog
from ..site.checked_values import problems
from ..site.contact import Contact, in_one_line
from ..site.publication import Published, Settings, publish_site
from ..site.renderer import PublishError, SiteFacts


def site_folder(state_dir: Path, site: Mapping[str, Any]) -> Path:
    """The published tree."""
    return Path(site["site_dir"] or state_dir / "site")


def publish(
    catalog: Catalog, state_dir: Path, site: Mapping[str, Any], *, full: bool = False, dry_run: bool = False
) -> Published:
    """Publish what changed. `site` is the option of that name of M(wheelfleet_publish). Raises PublishError."""
    if wrong := problems(site):
        raise PublishError(wrong[0])
    return publish_site(
        catalog,
        files_dir=state_dir / "files",
        logs_dir=state_dir / "logs",
        site_dir=site_folder(state_dir, site),
        template_dirs=[Path(path) for path in site["templates"]],
        settings=Settings(
            SiteFacts(
                site["url"].rstrip("/"),
                site["title"],
                site["index_view"],
                upstream_name=site["upstream_name"],
                contact=Contact(in_one_line(site["about"]), site["contact"], site["issues"]),
                announcement=in_one_line(site["announcement"]),
                files_url=site["files_url"].rstrip("/"),
            ),
            html_pages=site["html_pages"],
            grace_seconds=site["grace_days"] * 86400 if site["grace_days"] >= 0 else None,
            signing_key=Path(site["signing_key"]) if site["signing_key"] else None,
        ),
        full=full,
        dry_run=dry_run,
    )
