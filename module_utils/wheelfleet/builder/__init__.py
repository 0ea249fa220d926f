"""All code that runs on a builder, with contract and ground. Standard library only, Python 3.9 to 3.15."""
