"""Steps 1 and 2: what should be built, where, and in which order."""
