"""Made-up meteorology: ARL files of every kind that people use, with an atmosphere that is the same in all of them.

``air`` is that atmosphere (terrain, coasts, day and night, a jet, updrafts), ``kinds`` what files of models look like
(grid, levels, variables), ``records`` their packing, and ``write`` puts one on disk.
"""

from tests.meteorology.air import Air
from tests.meteorology.files import START, write, write_changing
from tests.meteorology.kinds import KINDS, Kind

__all__ = ["KINDS", "START", "Air", "Kind", "write", "write_changing"]
