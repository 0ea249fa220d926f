"""The sessions with builders, the run lock, the live view and the end of a run."""
