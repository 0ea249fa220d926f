"""Step 1: read the upstream index, over HTTP."""
