"""The command line.

``stilt --help`` answers at once because it reads a table of names and one-line summaries; a command's module,
and what it imports, is loaded when that command is asked for.
"""

from stilt.cli.program import main

__all__ = ["main"]
