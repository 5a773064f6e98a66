"""upgrade-tui: a terminal dashboard for live upgrade windows."""

__version__ = "0.1.0"
