"""The event log as lines, and its pane."""
