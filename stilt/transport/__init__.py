"""Engines: what moves the particles. ``protocol`` is all that a worker knows; ``foreseen`` tells what cannot run."""
