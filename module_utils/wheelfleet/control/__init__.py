"""Operators' orders to a fleet: `orders` takes them, and each noun has a module that knows which make sense."""
