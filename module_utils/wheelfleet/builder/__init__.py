"""Step 3: everything that runs on a builder. Standard library only, Python 3.9 to 3.14."""
