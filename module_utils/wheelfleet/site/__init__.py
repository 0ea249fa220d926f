"""Steps 5 and 6: static pages derived from catalog and files."""
