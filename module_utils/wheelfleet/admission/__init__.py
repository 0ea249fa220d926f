"""Step 4: a builder's result is untrusted input; here it is checked, named and taken in."""
