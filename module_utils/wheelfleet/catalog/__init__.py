"""The controller's SQLite database, the one truth about releases, builds, files and hosts."""
