"""The monitor: a terminal program that attaches to any run, and the same on a Sense HAT's 64 lights."""
