"""Python starts with this where its folder is on PYTHONPATH: the machine is then called what the old projects say.

Whether a process still lives can be told on its own machine only. Here it cannot: that machine has booted since.
"""

from __future__ import annotations

import os
import socket

socket.gethostname = lambda: os.environ["OLD_HOST"]
