"""Where a setting begins to mean something else to hycs_std, native follows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from stilt.config.followed import hysplit_refuses, native_refuses
from stilt.config.schema import Config, Met
from stilt.example.atmosphere import FILE_FORMAT, write_atmosphere
from stilt.foundations.errors import ProblemsError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit.engine import HysplitEngine
from stilt.transport.native.engine import NativeEngine
from stilt.transport.native.settings import check_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.particles.table import ParticleTable
    from stilt.transport.hysplit.locate import Installation

    Run = Callable[..., ParticleTable]

pytestmark = pytest.mark.hysplit

TIME = "202606161000"
POINT = Receptor(TIME, (-111.9,), (40.5,), (30.0,))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, hysplit: Installation) -> Config:
    assert hysplit.exe.is_file()
    folder = tmp_path_factory.mktemp("bounds") / "met"
    write_atmosphere(folder)
    return Config(mets={"jet": Met(str(folder), FILE_FORMAT, "1d")}, n_hours=-1, numpar=100)


@pytest.fixture(params=["hysplit", "native"])
def run(request: pytest.FixtureRequest, base: Config, tmp_path: Path) -> Run:
    engine = HysplitEngine() if request.param == "hysplit" else NativeEngine()

    def particles(receptor: Receptor = POINT, **settings: Any) -> ParticleTable:
        config = msgspec.structs.replace(base, **settings)
        workdir = Path(tempfile.mkdtemp(dir=tmp_path))
        return engine.run(Simulation("a", "jet", receptor), config, workdir).particles

    return particles


def influenced_m(table: ParticleTable) -> float:
    """Return the height of the layer that foot was made with: 0.02897 / (height * density) * samt * 60."""
    low = table["foot"] > 0
    heights = 0.02897 * 60 * table["samt"][low] / (table["foot"][low] * table["dens"][low])
    return float(np.median(heights))


def test_veght_above_1_is_metres(run: Run) -> None:
    table = run(veght=1.0)
    assert influenced_m(table) == pytest.approx(np.median(table["mlht"]), rel=0.05)
    for metres in (1.2, 5.0, 20.0):
        assert influenced_m(run(veght=metres)) == pytest.approx(metres, rel=0.05)


RECEPTORS = {
    "point": POINT,
    "line": Receptor(TIME, (-111.9,) * 2, (40.5,) * 2, (30.0, 530.0)),
    "levels": Receptor(TIME, (-111.9,) * 5, (40.5,) * 5, (30.0, 130.0, 230.0, 330.0, 430.0)),
    "places": Receptor(TIME, (-111.9, -111.8, -111.7), (40.5,) * 3, (30.0,) * 3),
}
EMISSIONS = {
    # receptor, numpar, minutes of emission: particles of each minute, number of such minutes
    ("point", 100, 1.0): (100, 1),
    ("point", 100, 30.0): (4, 25),
    ("point", 100, 10.9): (10, 10),
    ("point", 40, 50.0): (1, 40),
    ("point", 63, 63.0): (2, 32),
    ("line", 100, 30.0): (4, 25),
    ("levels", 100, 30.0): (5, 20),
    ("levels", 315, 63.0): (10, 32),
    ("places", 100, 30.0): (6, 17),
}


@pytest.mark.parametrize("case", EMISSIONS, ids=str)
def test_an_emission_has_the_same_number_of_particles_in_each_minute(
    run: Run, case: tuple[str, int, float]
) -> None:
    receptor, numpar, minutes = case
    table = run(RECEPTORS[receptor], numpar=numpar, emisshrs=minutes / 60, nturb=1)
    left = np.array([-table["time"][table["indx"] == i + 1].max() for i in range(numpar)], int)
    each, last = EMISSIONS[case]
    expected = np.full(last, each)
    expected[-1] = numpar - each * (last - 1)
    np.testing.assert_array_equal(np.bincount(left)[1:], expected)
    assert np.all(np.diff(left) >= 0)


@pytest.mark.parametrize(
    ("hours", "is_right"), [(0.01, True), (0.02, False), (0.5, True), (0.33, False), (1.0, True)]
)
def test_an_emission_that_leaves_particles_out_is_refused_by_both(
    base: Config,
    hours: float,
    is_right: bool,
) -> None:
    config = msgspec.structs.replace(base, emisshrs=hours, numpar=1000)
    for refuses in (hysplit_refuses, native_refuses):
        assert any(text.startswith("emisshrs") for text in refuses(config)) is not is_right


def test_hycs_std_takes_999_for_a_greater_kmix0_so_both_refuse_that(run: Run, base: Config) -> None:
    assert np.all(run(kmix0=999)["mlht"] == pytest.approx(999, abs=0.5))
    config = msgspec.structs.replace(base, kmix0=1000)
    assert any("kmix0: with 1000 the height is 999" in text for text in hysplit_refuses(config))
    with pytest.raises(ProblemsError) as caught:
        check_settings(config)
    assert "kmix0: 1000 is not supported by model: native" in caught.value.problems[0]
    assert "hysplit" not in caught.value.hint
