"""The folders of the published tree, in the order in which a publication brings them to readers.

Files go before the project pages that name them, and pages before the lists that name them. Removals go the other way
round. Other paths in the site's folder are not ours and stay.
"""

from __future__ import annotations

#: Files that pages link to or load: wheels, logs with their pages, provenance, style and scripts.
FILES = ("files", "logs", "provenance", "assets")
#: A folder for each project.
PAGES = ("simple", "project")
#: Pages at the top of the site.
TOP = ("404.html", "feed.atom", "index.html", "robots.txt", "sitemap.xml")
#: Folders of pages about many projects.
LISTS = ("browse", "failures", "faq", "fleet", "projects", "report", "search", "sitemaps", "statistics", "use")
#: The status of a run, at the top of the site. M(wheelfleet_status) writes it on web nodes, not the mirror.
STATUS = "status.json"
#: The metrics for Prometheus, beside it and written by the same.
METRICS = "metrics.prom"
