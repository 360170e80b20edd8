"""Meteorology: which ARL files a simulation needs, and what they hold.

``arl`` reads headers, ``grid`` knows where a grid lies, ``listing`` what is in a folder, ``files`` chooses.
"""
