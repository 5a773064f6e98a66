"""Steps: their rows and pane, one step in full, its output."""
