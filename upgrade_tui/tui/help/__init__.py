"""The help, and the first screen of a tour."""
