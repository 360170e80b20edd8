"""Meteorology at a distance: what of a URL's folder runs need, and fetching it into a folder that tasks read."""
