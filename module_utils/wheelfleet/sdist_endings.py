"""The endings of archives that pip unpacks with the standard library alone, in lower case as pip requires."""

from __future__ import annotations

TAR_ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tlz", ".tar")
ZIP_ENDINGS = (".zip",)
SDIST_ENDINGS = (*TAR_ENDINGS, *ZIP_ENDINGS)
