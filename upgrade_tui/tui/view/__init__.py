"""View models: state, frame and moment in, lines of plain text with tones out. Pure; tested without a screen."""
