"""The static site, derived from catalog and files, and its way to the web nodes."""
