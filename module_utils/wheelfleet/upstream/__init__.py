"""Reads the upstream index over HTTP, or from a folder."""
