"""What controller and builder send each other, defined once as types. Standard library only, Python 3.9 to 3.15."""
