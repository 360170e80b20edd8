"""An output is given only if what it says of itself is what the log says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from stilt.foundations.errors import DamagedError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.log.states import Life, SimState
from stilt.outputs.store import vouched

if TYPE_CHECKING:
    from pathlib import Path

RECEPTOR = Receptor("202401010000", (-112.0,), (40.5,), (5.0,))
OTHER = Receptor("202401010000", (-112.0,), (40.5,), (6.0,))
SIM = Simulation("m_a", "m", RECEPTOR)
STATE = SimState(
    "m_a", 0.0, "complete", life=Life("b/s", "b", 1, transport={"m": "T"}, footprints={"near": "F"})
)


class Said(NamedTuple):
    """An output that says this of itself."""

    where: Path
    words: dict[str, str]

    def provenance(self) -> dict[str, str]:
        return self.words


def words(
    receptor: Receptor = RECEPTOR, transport: str = "T", footprint: str = "F"
) -> dict[str, str]:
    return {
        "receptor": msgspec.json.encode(receptor).decode(),
        "transport_digest": transport,
        "footprint_digest": footprint,
    }


@pytest.mark.parametrize(
    "said", [words(), {}], ids=["the same", "an older output that says nothing"]
)
def test_what_does_not_contradict_the_log_is_given(tmp_path: Path, said: dict[str, str]) -> None:
    found = Said(tmp_path, said)
    assert vouched(found, SIM, STATE, RECEPTOR.digest, "near") is found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (words(receptor=OTHER), "its receptor is another one"),
        (words(transport="U"), "its transport digest is another one"),
        (words(footprint="G"), "its footprint digest is another one"),
    ],
)
def test_what_contradicts_the_log_is_damage(
    tmp_path: Path, said: dict[str, str], what: str
) -> None:
    with pytest.raises(DamagedError, match=what):
        vouched(Said(tmp_path, said), SIM, STATE, RECEPTOR.digest, "near")  # type: ignore[arg-type]
