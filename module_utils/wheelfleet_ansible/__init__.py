"""The shared parts of wheelfleet's plugins: base classes of actions, and the terminal's view."""
