"""One run at a time, and what it shows while it works."""
