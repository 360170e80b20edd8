"""Python starts with this where its folder is on PYTHONPATH: the clock of this machine is then wrong by AHEAD_S."""

from __future__ import annotations

import os
import time

_right = time.time
time.time = lambda: _right() + float(os.environ["AHEAD_S"])
