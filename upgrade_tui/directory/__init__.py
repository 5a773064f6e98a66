"""A window's directory: where it is, which there are, what lies in it, and whether that is as it was recorded."""
