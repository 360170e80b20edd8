"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def project_argument(function: Any) -> Any:
    """Add PROJECT, the folder with ``config.yaml``, which is the current one unless it is given."""
    return click.argument("project", default=Path(), type=click.Path(path_type=Path))(function)
