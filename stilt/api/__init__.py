"""Stilt in Python: projects, their results, and single footprints without a project."""
