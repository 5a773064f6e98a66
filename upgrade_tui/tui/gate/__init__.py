"""A gate's card, on which a go or no-go is decided."""
