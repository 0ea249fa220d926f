"""The documents between controller and builder, as types. Standard library only, Python 3.9 to 3.15."""
