"""Pictures of a simulation."""

from stilt.plot.figure import draw

__all__ = ["draw"]
