"""The controller's SQLite database: the only source of truth about releases, builds, files and hosts."""
