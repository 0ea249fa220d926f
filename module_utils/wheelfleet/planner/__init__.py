"""Steps 1 and 2: plans which builds are needed, on which builder, and in which order."""
