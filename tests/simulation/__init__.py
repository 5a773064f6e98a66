"""Whole nights: the real conductor in a simulated world, faults and operators from one seed. See docs/testing.md."""
