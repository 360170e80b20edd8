"""How the release points of a receptor share its particles.

A point has all of them and two heights at one place are an even line. Three or more heights at one place
(levels) and several places have equal shares, to within one particle, in whatever order they are given:
particle ``i`` belongs to release point ``i % n`` (``Receptor.release_points``).

R-STILT and hycs_std fill the stretch between the last two heights only. That is left on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, TransportError

if TYPE_CHECKING:
    from stilt.foundations.simulation import Receptor


def why_too_few(receptor: Receptor, numpar: int) -> str | None:
    """Return why so many particles cannot be shared out; None if they can."""
    points = 1 if receptor.is_line else len(receptor.heights_m)
    if numpar >= points:
        return None
    what = "places" if receptor.is_multipoint else "levels"
    particles = "particle" if numpar == 1 else "particles"
    return f"{numpar} {particles} for {points} {what}, so that some get none: raise numpar to {points} or more"


def require_shares(receptor: Receptor, numpar: int) -> None:
    """Raise a ``BAD_RECEPTOR`` where a release point would get no particle."""
    why = why_too_few(receptor, numpar)
    if why:
        raise TransportError(Reason.BAD_RECEPTOR, why)
