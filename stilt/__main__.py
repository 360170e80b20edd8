"""``python -m stilt``."""

from stilt.cli import main

main()
