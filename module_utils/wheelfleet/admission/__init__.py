"""Checks, names and admits a builder's result, which is untrusted input."""
