"""``python -m tests.house.killed_jacobian PROJECT OUTPUT N``: make a matrix a row at a time, and be killed on the way.

SIGKILL comes before the N-th effect on the disk.
"""

import sys

from stilt.api import jacobian
from stilt.cli.program import main
from tests.archive.killed import kill_before

if __name__ == "__main__":
    jacobian.AT_ONCE = 1
    kill_before(int(sys.argv[3]))
    main(["jacobian", sys.argv[1], "--target", "0.5", "--bins", "2 hours", "-o", sys.argv[2]])
