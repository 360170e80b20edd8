"""The roughness length of the ground: one everywhere, from a table such as HYSPLIT's, or by the type of the ground.

The types are IGBP's, of MODIS (Friedl and Sulla-Menashe, MCD12C1, doi 10.5067/MODIS/MCD12C1.006), on cells of a degree;
``tools/ground.py`` makes their file. Each has the length that HYSPLIT's table has most for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure, InputError, StiltError
from stilt.foundations.inside import read_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

TABLE = "ROUGLEN.ASC"
HYSPLIT = "hysplit"
"""As a setting: the table of an installed HYSPLIT."""

OWN = "own"
"""As a setting: by the type of the ground."""

GROUND = Path(__file__).with_name("ground.txt")
TYPES = "0123456789abcdefg"
"""In that file: water, forest (evergreen needles and leaves, deciduous needles and leaves, mixed), shrubs (closed,
open), savanna (woody, open), grass, wetland, crops, towns, crops among others, snow and ice, barren."""

_HUNDREDTHS_M = (3, 200, 200, 250, 44, 250, 25, 44, 75, 44, 25, 250, 75, 75, 75, 50, 1)

DEFAULT_M = 0.2
"""HYSPLIT's own value where it finds no table."""

_MOST_BYTES = 1 << 24
_ROWS, _COLUMNS, _CHARACTERS = 180, 360, 4


@dataclass(frozen=True, slots=True)
class RoughnessSource:
    """Where roughness lengths come from; cheap to make, since status commands ask for the label.

    Attributes
    ----------
    label
        Names the source. It is part of the engine's version, since results depend on it.
    content
        The table's bytes; None for one length everywhere.
    metres
        That length.
    path
        Where the table was read from.
    """

    label: str
    content: bytes | None = field(repr=False)
    metres: float = DEFAULT_M
    path: Path | None = None

    def load(self) -> Roughness:
        """Return the lengths themselves."""
        import numpy as np

        if self.content is None:
            return Roughness(np.full((_ROWS, _COLUMNS), self.metres))
        lines = self.content.splitlines()[:_ROWS]
        text = b"".join(line[: _COLUMNS * _CHARACTERS] for line in lines)
        hundredths = np.frombuffer(text, dtype=f"S{_CHARACTERS}").astype(np.float64)
        return Roughness(0.01 * hundredths.reshape(_ROWS, _COLUMNS))


@dataclass(frozen=True, slots=True)
class Roughness:
    """Roughness lengths on one-degree cells, shape (180, 360), metres, from the north and from 180 W."""

    table_m: NDArray[np.float64]

    def at(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return roughness lengths in metres; those of the cell that holds the point."""
        import numpy as np

        row = np.clip(_ROWS - (latitude + 90.0).astype(int), 1, _ROWS) - 1
        column = np.clip((longitude + 180.0).astype(int), 0, _COLUMNS - 1)
        return np.asarray(self.table_m[row, column])


def roughness_source(
    setting: float | str,
    exe_dir: str | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> RoughnessSource:
    """Return the roughness that the setting ``roughness`` asks for.

    Parameters
    ----------
    setting
        Metres; ``hysplit``: the table of an installed HYSPLIT; ``own``: by the type of the ground; else the path of a
        table like HYSPLIT's.
    exe_dir
        ``hysplit.exe_dir`` of the config; then ``STILT_HYSPLIT`` and what is installed are looked at.
    inputs
        The files that a batch was handed over with, by name; None: the table is looked for on this machine.

    Raises
    ------
    EnvironmentFailure
        If the table is not there.
    """
    if not isinstance(setting, str):
        return RoughnessSource(f"roughness {setting:g} m", None, setting)
    if setting == OWN:
        return _own()
    name = TABLE if setting == HYSPLIT else Path(setting).name
    path = inputs.get(name) if inputs is not None else _table(setting, exe_dir)
    if path is None:
        raise EnvironmentFailure(
            f"roughness: {setting}: there is no table {name} here",
            "run 'stilt hysplit install', or set roughness in config.yaml: own, or a length in metres, such as 0.2",
            code="ROUGHNESS_TABLE",
        )
    try:
        content = read_input(path, _MOST_BYTES)
    except OSError as error:
        raise EnvironmentFailure(
            f"roughness: {path} can't be read: {error.strerror}",
            "name a table that can be, or a length in metres, with roughness in config.yaml",
            code="ROUGHNESS_TABLE",
        ) from error
    _refuse_what_is_no_table(path, content)
    digest = hashlib.blake2b(content, digest_size=4).hexdigest()
    label = f"{TABLE} {digest}" if setting == HYSPLIT else f"roughness of {name}: {digest}"
    return RoughnessSource(label, content, path=path)


def setting_of(label: str) -> float | str:
    """Return the setting that the label of an earlier result stands for; of a file's that it is not known."""
    words = label.split()
    if words[:2] == ["roughness", OWN]:
        return OWN
    return float(words[1]) if words[0] == "roughness" and words[-1] == "m" else HYSPLIT


def todays_setting(setting: float | str, newest: str) -> str:
    """Return the label of a setting without looking for HYSPLIT: that of the newest results for its table."""
    if setting != HYSPLIT:
        try:
            return roughness_source(setting).label
        except StiltError:
            return f"roughness of {setting}"
    return newest if newest.startswith(f"{TABLE} ") else f"{TABLE} {0:08x}"


@lru_cache(maxsize=1)
def _own() -> RoughnessSource:
    """Return the lengths of the types of ground, laid out as in HYSPLIT's table."""
    text = {
        ord(kind): f"{length:{_CHARACTERS}d}"
        for kind, length in zip(TYPES, _HUNDREDTHS_M, strict=True)
    }
    content = GROUND.read_text(encoding="ascii").translate(text).encode()
    digest = hashlib.blake2b(content, digest_size=4).hexdigest()
    return RoughnessSource(f"roughness {OWN} {digest}", content)


def _table(setting: str, exe_dir: str | None) -> Path | None:
    if setting != HYSPLIT:
        return Path(setting).expanduser()
    from stilt.transport.native.tables import find_table

    return find_table(TABLE, exe_dir)


def _refuse_what_is_no_table(path: Path, content: bytes) -> None:
    lines = content.splitlines()[:_ROWS]
    if len(lines) < _ROWS or min(map(len, lines)) < _COLUMNS * _CHARACTERS:
        raise InputError(
            f"roughness: {path} is not a table of {_ROWS} lines with {_COLUMNS} values of {_CHARACTERS} characters",
            "name one like HYSPLIT's ROUGLEN.ASC, or a length in metres",
            code="ROUGHNESS_TABLE",
        )
