"""A transport engine of our own: HYSPLIT's particles, compiled, from its published specification."""

from stilt.transport.native.engine import NativeEngine

__all__ = ["NativeEngine"]
