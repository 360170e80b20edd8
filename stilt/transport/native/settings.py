"""Which settings this engine can follow, and which it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.followed import hysplit_refuses, native_refuses
from stilt.foundations.errors import ProblemsError

if TYPE_CHECKING:
    from stilt.config.schema import Config


def check_settings(config: Config) -> None:
    """Refuse every setting that this engine would silently not follow.

    Raises
    ------
    ProblemsError
        Naming each of them.
    """
    if problems := tuple(native_refuses(config)):
        is_no_better = any(hysplit_refuses(config))
        hint = "mend config.yaml and try again" if is_no_better else "use model: hysplit"
        raise ProblemsError(
            "model: native cannot follow these settings",
            problems,
            hint,
            code="SETTING_NOT_FOLLOWED",
        )
