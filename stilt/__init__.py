"""Particle trajectories and footprints for atmospheric receptors."""

__version__ = "0.1.0"
