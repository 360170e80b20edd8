"""Particle tables: what a transport engine returns, and how they are stored."""
