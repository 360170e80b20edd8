"""The former name of ``stilt.foundations.simulation``, for engines and programs that import it."""

import sys

from stilt.foundations import simulation

sys.modules[__name__] = simulation
