"""`stilt check` names a receptor exactly when the engine refuses it, with the same reason.

By real runs of an hour or two over folders and receptors by chance. ``STILT_LAW_DRAWS`` says how many folders.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from stilt.check.finding import Weight
from stilt.check.preflight import preflight
from stilt.config.load import load_config
from stilt.receptors import read_receptors
from stilt.transport.engines import load_engine
from stilt.transport.foreseen import foresee
from stilt.transport.protocol import TransportError
from tests.check.drawn import draw
from tests.hysplit_at_hand import need_hysplit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.check.drawn import Drawn

DRAWS = int(os.environ.get("STILT_LAW_DRAWS", "80"))
AT_ONCE = 20
_SAID = re.compile(r"cannot run: (?:\d+ )?([A-Z_]+): ")


@pytest.fixture(scope="module", autouse=True)
def hysplit() -> None:
    need_hysplit()


def said(project: Path) -> dict[str, str]:
    """Return what check says: the reason for each simulation that it names."""
    found: dict[str, str] = {}
    for finding in preflight(project):
        if finding.weight is Weight.PROBLEM and finding.area == "met law":
            match = _SAID.search(finding.text)
            assert match, finding.text
            assert not found.keys() & set(finding.simulations), "named twice"
            found |= dict.fromkeys(finding.simulations, match[1])
    return found


def foreseen(project: Path) -> dict[str, str]:
    """Return what ``run`` writes before it hands anything over: reason and message for each simulation."""
    config = load_config(project / "config.yaml")
    receptors = read_receptors(project / "receptors.csv", ["law"])
    found = foresee(load_engine(config), receptors, range(len(receptors)), config)
    return {
        receptors[index].sim: f"{each.reason}: {each.message_of(index)}"
        for each in found.refused
        for index in each.runs.tolist()
    }


def met_with(drawn: Drawn, work: Path) -> dict[str, str]:
    """Return what happens: reason and message for each simulation that fails."""
    config = load_config(drawn.folder / "config.yaml")
    engine = load_engine(config)
    found = {}
    for number, simulation in enumerate(read_receptors(drawn.folder / "receptors.csv", ["law"])):
        folder = work / str(number)
        folder.mkdir(parents=True)
        try:
            result = engine.run(simulation, config, folder)
        except TransportError as error:
            found[simulation.sim] = str(error)
        else:
            assert len(result.particles)
    return found


@pytest.mark.hysplit
@pytest.mark.parametrize("first", range(0, DRAWS, AT_ONCE))
def test_check_names_a_receptor_exactly_when_the_engine_refuses_it(tmp_path, first):
    seen: Counter[str] = Counter()
    for seed in range(first, min(first + AT_ONCE, DRAWS)):
        drawn = draw(seed, tmp_path / str(seed))
        expected = met_with(drawn, tmp_path / str(seed) / "work")
        assert foreseen(drawn.folder) == expected, f"seed {seed}: {drawn}"
        reasons = {sim: text.partition(":")[0] for sim, text in expected.items()}
        assert said(drawn.folder) == reasons, f"seed {seed}: {drawn}"
        seen.update(reasons.values())
        seen["simulations"] += 4
    assert 0 < sum(seen.values()) - seen["simulations"] < seen["simulations"], seen
