"""NetCDF as centres publish it: what a file holds under canonical names, and reading rectangles of it.

``quantities`` knows names, units and signs, ``axes`` the grid, the levels and the times, ``content`` one file,
``analyses`` the times of several files together, ``reader`` and ``tiles`` their numbers.
"""
