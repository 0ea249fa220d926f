"""Step 4: what a builder sends is untrusted input; here it is checked, named and taken in."""
