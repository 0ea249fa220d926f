"""Step 1: what the upstream index says, read over HTTP."""
