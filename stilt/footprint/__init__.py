"""Footprints: near-field dilution, grids, the kernel method, and their files."""
