"""The four answers, the window as a bar, the countdown, and how the clock comes to its numbers."""
