"""What is measured, run by one command: `make bench`."""
