"""What screens are made of, whatever they are about."""
