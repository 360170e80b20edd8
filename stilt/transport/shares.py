"""How the release points of a receptor share its particles.

A point has all of them and two heights at one place are an even line. Three or more heights at one place
(levels) and several places have equal shares, to within one particle, in whatever order they are given:
particle ``i`` belongs to release point ``i % n`` (``Receptor.release_points``).

R-STILT and hycs_std fill the stretch between the last two heights only. That is left on purpose.
"""

from __future__ import annotations

from stilt.foundations.simulation import LINE_POINTS


def why_too_few(points: int, places: int, numpar: int) -> str | None:
    """Return why so many particles cannot be shared out; None if they can.

    Parameters
    ----------
    points, places
        Release points of a receptor, and how many places these are at.
    numpar
        Particles of a run.
    """
    is_line = places == 1 and points == LINE_POINTS
    if is_line or numpar >= points:
        return None
    what = "places" if places > 1 else "levels"
    particles = "particle" if numpar == 1 else "particles"
    return f"{numpar} {particles} for {points} {what}, so that some get none: raise numpar to {points} or more"
