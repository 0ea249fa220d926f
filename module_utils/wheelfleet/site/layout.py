"""The folders of the published tree, in the order in which a publication brings them to readers.

What is named goes before what names it: files before the pages of a project, pages before the lists that lead to them.
Removals go the other way round. Whatever else lies in the site's folder is somebody else's and stays.
"""

from __future__ import annotations

#: What pages link to and load: wheels, logs with their pages, provenance, style and scripts.
FILES = ("files", "logs", "provenance", "assets")
#: A folder for each project.
PAGES = ("simple", "project")
#: Pages about many projects; some lie at the top of the site.
TOP = ("404.html", "feed.atom", "index.html", "robots.txt", "sitemap.xml")
LISTS = ("failures", "faq", "fleet", "report", "search", "sitemaps", "statistics", "use")
#: What a run is doing, at the top of the site; it comes to web nodes by a way of its own (engine/status.py).
STATUS = "status.json"
