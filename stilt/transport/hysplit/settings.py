"""What hycs_std refuses of the settings, told before a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stilt.config.followed import hysplit_refuses
from stilt.config.schema import FILE_KEYS
from stilt.foundations.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import Config


def check_settings(config: Config) -> None:
    """Refuse settings with which every run would fail, and files that are not there: hycs_std ignores those.

    Raises
    ------
    ProblemsError
        Naming each of them.
    """
    if problems := (*hysplit_refuses(config), *_missing_files(config)):
        hint = "mend config.yaml and try again"
        raise ProblemsError(
            "model: hysplit cannot follow these settings",
            problems,
            hint,
            code="SETTING_NOT_FOLLOWED",
        )


def _missing_files(config: Config) -> Iterator[str]:
    for key in FILE_KEYS:
        path = getattr(config, key)
        if path and not os.access(path, os.R_OK):
            yield f"{key}: there is no file {path} that can be read"
