"""The former name of ``stilt.api.compute``, for programs that import it."""

import sys

from stilt.api import compute

sys.modules[__name__] = compute
