"""Receptors: where and when air arrives, as ``receptors.csv`` says it."""

from stilt.receptors.read import read_receptors

__all__ = ["read_receptors"]
