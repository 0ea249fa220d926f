"""What wheelfleet's plugins share: base classes of actions, and the parts of the terminal's view."""
