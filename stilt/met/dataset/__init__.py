"""NetCDF and GRIB as centres publish them: what a file holds under canonical names, and reading rectangles of it.

``quantities`` knows names, units and signs, ``axes`` the grid, the levels and the times, ``content`` one file,
``grib`` its messages,
``analyses`` the times of several files together, ``reader`` and ``tiles`` their numbers.
"""
