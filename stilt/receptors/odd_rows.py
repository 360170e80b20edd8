"""Lines that are no rows of a table: comments, blank ones, and those with too few or too many columns.

The reader of whole columns steps over them, so that one of them does not slow the others down. Where each row stands
is counted only when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 1 << 24
_NEWLINE, _RETURN = b"\n\r"


@dataclass(slots=True)
class OddRows:
    """What was stepped over in a file.

    Attributes
    ----------
    columns, delimiter
        How many columns a row has, and what separates them.
    header_line
        From 1.
    numbers, texts
        What pyarrow could not take: which of the lines from the header on that are not empty, from 1; and what is
        wrong with those that are neither comments nor blank.
    is_row
        Which of the rows that it took are no comments; None where all are.
    """

    path: Path
    columns: int
    delimiter: str
    header_line: int
    numbers: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    is_row: NDArray[np.bool_] | None = None

    def skip(self, row: Any) -> str:
        """Note a row that pyarrow cannot take (``pyarrow.csv.InvalidRow``) and have it go on."""
        self.numbers.append(row.number)
        cells = row.text.split(self.delimiter)
        if any(map(str.strip, cells)) and not cells[0].lstrip().startswith("#"):
            self.texts[row.number] = f"has {row.actual_columns} of {self.columns} columns"
        return "skip"

    def leave_out(self, is_odd: NDArray[np.bool_]) -> None:
        """Take some of the rows that pyarrow took for none."""
        import numpy as np

        if self.is_row is None:
            self.is_row = ~is_odd
        else:
            self.is_row[np.flatnonzero(self.is_row)[is_odd]] = False

    def blank(self, suspects: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which of the rows whose known columns are blank have nothing in the others either."""
        lines = self.lines()[0]
        wanted = dict(zip(lines[suspects].tolist(), suspects.nonzero()[0].tolist(), strict=True))
        found = suspects.copy()
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if number in wanted:
                    cells = line.decode("utf-8", "replace").split(self.delimiter)
                    found[wanted[number]] = not any(map(str.strip, cells))
        return found

    def are_broken(self, rows: int) -> bool:
        """Tell whether rows go over several lines: it has more lines than pyarrow took for so many rows."""
        filled = filled_lines(self.path)
        return int((filled > self.header_line).sum()) > rows + len(self.numbers)

    def __bool__(self) -> bool:
        return bool(self.numbers) or self.is_row is not None

    def lines(self) -> tuple[NDArray[np.int64], dict[int, str]]:
        """Return the line of every row, and what is wrong with lines that could not be taken."""
        import numpy as np

        filled = filled_lines(self.path)
        filled = filled[np.searchsorted(filled, self.header_line) :]
        broken = {int(filled[number - 1]): text for number, text in self.texts.items()}
        rows = np.delete(filled, [0, *(number - 1 for number in self.numbers)])
        return rows if self.is_row is None else rows[self.is_row], broken


def filled_lines(path: Path) -> NDArray[np.int64]:
    """Return the numbers, from 1, of the lines that are not empty, as pyarrow counts them."""
    import numpy as np

    data = np.memmap(path, np.uint8, "r")
    blocks = (data[start : start + _AT_ONCE] for start in range(0, data.size, _AT_ONCE))
    found = [np.flatnonzero(block == _NEWLINE) + at * _AT_ONCE for at, block in enumerate(blocks)]
    if data[-1] != _NEWLINE:
        found.append(np.array([data.size]))
    ends = np.concatenate(found)
    lengths = np.diff(ends, prepend=-1) - 1
    is_empty = (lengths == 0) | ((lengths == 1) & (data[ends - 1] == _RETURN))
    return np.flatnonzero(~is_empty) + 1
