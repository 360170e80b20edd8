"""Projects by chance: met folders whose files touch, overlap, end early or change, and receptors of all sorts."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from tests.meteorology import Kind, write
from tests.meteorology.kinds import HYBRID, SIGMA, degrees, hybrid, lambert, sigma

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime(2021, 6, 1)  # noqa: DTZ001 - UTC, as all of these files
_NEW_YEAR = datetime(2039, 12, 31, 18)  # noqa: DTZ001

_USUAL = Kind(*("LAW ", SIGMA, sigma(9), 22, 20, lambert(38.5, 262.5, 24.0, 34.0, 255.0)), step_h=1)
_OTHER_GRID = replace(_USUAL, nx=20)

KINDS = {
    "usual": _USUAL,
    "hybrid": replace(_USUAL, level_type=HYBRID, levels=hybrid(9)),
    "degrees": replace(_USUAL, place=degrees(-104.0, 30.0, 0.25, 22, 20)),
    "staggered": replace(_USUAL, model="AWRF", staggered=True),
    "fewer levels": replace(_USUAL, levels=sigma(7)),
    "other grid": _OTHER_GRID,
    "fewer variables": replace(_USUAL, surface=_USUAL.surface[:-1]),
    "no wind": replace(_USUAL, volume=tuple(name for name in _USUAL.volume if name != "VWND")),
    "no ground": replace(_USUAL, surface=("T02M", "U10M", "V10M", "USTR", "SHTF")),
    "many levels": replace(_USUAL, levels=sigma(75)),
}
USUAL = ("usual", "usual", "usual", "hybrid", "degrees")
ODD = tuple(name for name in KINDS if name not in USUAL)


@dataclass(frozen=True)
class Drawn:
    """A project that was drawn, in words for the person who has to look into it."""

    folder: Path
    model: str
    files: list[tuple[str, list[float]]]


def draw(seed: int, folder: Path) -> Drawn:
    """Write the project of a seed."""
    dice = random.Random(seed)
    model = ("hysplit", "native")[seed % 2]
    start = _NEW_YEAR if dice.random() < 0.05 else DAY
    met = folder / "met"
    met.mkdir(parents=True)
    base = dice.choice(USUAL)
    files = _files(dice, base)
    by_name = dice.random() < 0.5
    for number, (kind, hours) in enumerate(files):
        first = start + timedelta(hours=hours[0])
        name = f"law_{first:%Y%m%d_%H}{'' if by_name and number % 2 else 'z'}"
        content = b"".join(_analysis(kind, start + timedelta(hours=hour)) for hour in hours)
        if dice.random() < 0.06:
            content = content[: -dice.randrange(1, len(content) // len(hours))]
        (met / name).write_bytes(content)
        if dice.random() < 0.08:
            (met / f"{name}.gz").write_bytes(gzip.compress(content[:2000]))
            (met / f"{name}.1").write_bytes(content[: len(content) // 2])
    tres = dice.choice(["1h", "1h", "1h", "1h", "2h", "3h"])
    names = f", file_format: 'law_%Y%m%d_%H', file_tres: {tres}" if by_name else ""
    top = (
        f"z_top: {dice.choice([2000.0, 8000.0])}\n"
        if model == "hysplit" and dice.random() < 0.2
        else ""
    )
    (folder / "config.yaml").write_text(
        f"mets: {{law: {{directory: met{names}}}}}\n"
        f"n_hours: {dice.choice([-2, -1, -1, 1, 1, 2])}\nnumpar: 4\nmodel: {model}\n{top}"
        + ("roughness: 0.1\n" if model == "native" else "")
    )
    last = max(hours[-1] for _, hours in files)
    (folder / "receptors.csv").write_text(_receptors(dice, KINDS[base], start, last))
    return Drawn(folder, model, files)


def _files(dice: random.Random, base: str) -> list[tuple[str, list[float]]]:
    """Draw files one after the other: mostly as they should be."""
    files, hour = [], 0.0
    usual_step = dice.choice([1, 1, 1, 2])
    for _ in range(dice.choice([1, 1, 2, 2, 3, 4])):
        kind = dice.choice(ODD) if dice.random() < 0.12 else base
        step = dice.choice([1, 2, 3]) if dice.random() < 0.1 else usual_step
        hours = [hour + step * number for number in range(dice.choice([1, 2, 3, 3, 4, 5]))]
        if len(hours) > 3 and dice.random() < 0.1:
            del hours[dice.randrange(1, len(hours) - 1)]
        files.append((kind, hours))
        hour = hours[-1] + (dice.choice([0, 1, 2, 3]) if dice.random() < 0.25 else step)
    return files


def _receptors(dice: random.Random, kind: Kind, start: datetime, last: float) -> str:
    rows = ["time,longitude,latitude,altitude,r_idx"]
    for number in range(4):
        minute = dice.randrange(-20, int(60 * last) + 21)
        if dice.random() < 0.5:
            minute = round(minute / 60) * 60
        when = f"{start + timedelta(minutes=minute):%Y-%m-%d %H:%M}"
        for point in range(dice.choice([1, 1, 1, 2, 3, 5])):
            share = dice.choice([0.0, 0.03, 0.97, -0.2]) if dice.random() < 0.03 else 0.5
            longitude, latitude = kind.at(share, dice.choice([0.4, 0.5, 0.6]))
            high = [1990.0, 7000.0, 24990.0, 25000.0, 40000.0]
            height = dice.choice(high) if dice.random() < 0.04 else 50.0 + point
            rows.append(f"{when},{longitude:.4f},{latitude:.4f},{height},{number}")
    return "\n".join(rows) + "\n"


@cache
def _analysis(kind: str, when: datetime) -> bytes:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / "one", KINDS[kind], 0.0, when).read_bytes()
