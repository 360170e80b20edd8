"""The table of settings says what both engines do: each setting is run with another value than its default."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from stilt.config.followed import hysplit_refuses, native_refuses, unused
from stilt.config.schema import SETTINGS, VARSIWANT_NAMES, Config, Met
from stilt.config.setting import DEFAULT, FOLLOWS, IDLE, UNNEEDED, Goes
from stilt.example.atmosphere import FILE_FORMAT, write_atmosphere
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit.control import render_control
from stilt.transport.hysplit.engine import HysplitEngine
from stilt.transport.hysplit.namelist import render_setup
from stilt.transport.hysplit.perturbation import render_perturbations
from stilt.transport.native.engine import NativeEngine
from stilt.transport.protocol import TransportError

if TYPE_CHECKING:
    from stilt.transport.hysplit.locate import Installation
    from stilt.transport.protocol import Engine

NATIVE_COLUMNS = tuple(name for name in VARSIWANT_NAMES if name != "dmas")


@dataclass(frozen=True)
class Trial:
    """A value to try, and what must be given beside it for it to count."""

    value: Any
    beside: dict[str, Any] = field(default_factory=dict)


WIND_ERROR = {"siguverr": 2.0, "tluverr": 60.0, "zcoruverr": 500.0, "horcoruverr": 40.0}
ZI_ERROR = {"sigzierr": 30.0, "tlzierr": 60.0, "horcorzierr": 40.0}

TRIALS: dict[str, Trial] = {
    "seed": Trial(7),
    "n_hours": Trial(-1),
    "numpar": Trial(10),
    "krand": Trial(1),
    "varsiwant": Trial(("time", "indx", "long", "lati", "foot")),
    "emisshrs": Trial(0.5),
    "w_option": Trial(5),
    "z_top": Trial(30_000.0),
    "veght": Trial(0.3),
    "ziscale": Trial((0.5, 0.5, 0.5), {"zicontroltf": 1}),
    "zicontroltf": Trial(1, {"ziscale": (0.5, 0.5, 0.5)}),
    **{key: Trial(value * 3, WIND_ERROR) for key, value in WIND_ERROR.items()},
    **{key: Trial(value * 2, ZI_ERROR) for key, value in ZI_ERROR.items()},
    "capemin": Trial(-3.0),
    "cmass": Trial(1),
    "conage": Trial(1),
    "cpack": Trial(2),
    "delt": Trial(5.0),
    "dxf": Trial(2.0),
    "dyf": Trial(2.0),
    "dzf": Trial(0.1),
    "efile": Trial("a file"),
    "frhmax": Trial(1.0),
    "frhs": Trial(0.5),
    "frme": Trial(0.5),
    "frmr": Trial(0.5),
    "frts": Trial(0.5),
    "frvs": Trial(0.5),
    "hscale": Trial(1000.0),
    "ichem": Trial(0),
    "idsp": Trial(1),
    "initd": Trial(3),
    "k10m": Trial(0),
    "kagl": Trial(0),
    "kbls": Trial(2),
    "kblt": Trial(1),
    "kdef": Trial(1),
    "khinp": Trial(1),
    "khmax": Trial(1),
    "kmix0": Trial(900),
    "kmixd": Trial(700),
    "kpuff": Trial(1),
    "krnd": Trial(1),
    "kspl": Trial(2),
    "kwet": Trial(0),
    "kzmix": Trial(1),
    "maxdim": Trial(3),
    "maxpar": Trial(100),
    "mgmin": Trial(2),
    "ncycl": Trial(1),
    "ndump": Trial(1),
    "ninit": Trial(0),
    "nstr": Trial(1),
    "nturb": Trial(1),
    "nver": Trial(5),
    "outdt": Trial(10.0),
    "p10f": Trial(3.0),
    "pinbc": Trial("a file"),
    "pinpf": Trial("a file"),
    "poutf": Trial("DUMPED", {"ndump": 1}),
    "qcycle": Trial(1.0, {"emisshrs": 0.5}),
    "rhb": Trial(95.0),
    "rht": Trial(30.0),
    "splitf": Trial(0.5),
    "tkerd": Trial(0.9),
    "tkern": Trial(0.9),
    "tlfrac": Trial(0.5),
    "tout": Trial(10.0),
    "tratio": Trial(0.1),
    "tvmix": Trial(0.1),
    "vscale": Trial(20.0),
    "vscaleu": Trial(20.0),
    "vscales": Trial(50.0),
    "wbbh": Trial(100.0),
    "wbwf": Trial(1.0),
    "wbwr": Trial(1.0),
    "wvert": Trial(value=True),
}

EXPECTED = {
    FOLLOWS: {"hysplit": {"changes"}, "native": {"changes"}},
    DEFAULT: {"hysplit": {"changes", "refused", "fails"}, "native": {"refused"}},
    IDLE: {"hysplit": {"same"}, "native": {"same"}},
    UNNEEDED: {"hysplit": {"changes"}, "native": {"same"}},
}

EXPLAINED = {
    "capemin": "needs convective fields",
    "wvert": "needs WRF's files",
    "pinbc": "needs particles in NOAA's format",
    "maxdim": "reads memory that was never set: chance",
}
"""Settings that do nothing with this meteorology and these files, and that native refuses all the same."""

NO_ENGINES = frozenset(
    {
        "mets",
        "footprints",
        "model",
        "hysplit",
        "roughness",
        "output",
        "execution",
        "about",
        "keep",
        "jacobian",
        "realizations",
        "variants",
        "hnf_plume",
    }
)
"""Settings that engines are made with, or that are none of theirs."""

EMISSIONS = """\
YYYY MM DD HH   DURATION(hhhh) #RECORDS
YYYY MM DD HH MM DURATION(hhmm) LAT LON HGT(m) RATE(/h) AREA(m2) HEAT(w)
2026 06 16 17 0002 1
2026 06 16 18 30 0030 40.5 -111.9 30.0 1.0 0.0 0.0
"""

RECEPTORS = {
    "day": Receptor("202606161900", (-111.9,), (40.5,), (30.0,)),
    "night": Receptor("202606161000", (-111.9,), (40.5,), (30.0,)),
}


@dataclass
class Laboratory:
    """Runs short simulations in the example's atmosphere and remembers what came out."""

    base: Config
    folder: Path
    engines: dict[str, Engine]
    known: dict[Any, Any] = field(default_factory=dict)

    def outcome(self, engine: str, key: str, trial: Trial) -> str:
        """Say what a value other than the default does: ``same``, ``changes``, ``refused`` or ``fails``."""
        value = str(self.folder / "given") if SETTINGS[key].file else trial.value
        config = self.config(engine, {**trial.beside, key: value})
        refuses = native_refuses if engine == "native" else hysplit_refuses
        if any(problem.startswith(f"{key}:") for problem in refuses(config)):
            return "refused"
        without = {name: value for name, value in trial.beside.items() if name != key}
        if key in WIND_ERROR or key in ZI_ERROR:
            without = trial.beside
        before = self.tables(engine, self.config(engine, without))
        try:
            after = self.tables(engine, config)
        except TransportError as error:
            return "fails" if error.reason else ""
        return "same" if before == after else "changes"

    def config(self, engine: str, settings: dict[str, Any]) -> Config:
        wanted = VARSIWANT_NAMES if engine == "hysplit" else NATIVE_COLUMNS
        return msgspec.structs.replace(self.base, **{"varsiwant": wanted, **settings})

    def tables(self, engine: str, config: Config) -> list[bytes]:
        """Return the particles of every receptor, as bytes."""
        named = (engine, msgspec.json.encode(config))
        if named not in self.known:
            self.known[named] = [self._run(engine, config, name) for name in RECEPTORS]
        return self.known[named]

    def _run(self, engine: str, config: Config, name: str) -> bytes:
        workdir = Path(tempfile.mkdtemp(dir=self.folder / "work"))
        result = self.engines[engine].run(Simulation(name, "jet", RECEPTORS[name]), config, workdir)
        tables = filter(None, (result.particles, result.error_particles))
        return b"".join(
            np.asarray(table[column]).tobytes() for table in tables for column in table.columns
        )


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory, hysplit: Installation) -> Laboratory:
    assert hysplit.exe.is_file()
    folder = tmp_path_factory.mktemp("table")
    write_atmosphere(folder / "met")
    (folder / "work").mkdir()
    (folder / "given").write_text(EMISSIONS)
    met = Met(str(folder / "met"), FILE_FORMAT, "1d")
    base = Config(mets={"jet": met}, n_hours=-2, numpar=20)
    engines = {"hysplit": HysplitEngine(), "native": NativeEngine()}
    return Laboratory(base, folder, engines)


def test_every_setting_of_an_engine_is_tried() -> None:
    assert set(SETTINGS) == set(Config.__struct_fields__)
    assert set(TRIALS) == set(SETTINGS) - NO_ENGINES
    assert {SETTINGS[key].goes for key in NO_ENGINES} == {Goes.OWN}
    assert set(EXPLAINED) <= set(TRIALS)


@pytest.mark.parametrize("key", TRIALS)
def test_a_setting_goes_where_the_table_says(key: str) -> None:
    trial = TRIALS[key]
    before = {**trial.beside, key: SETTINGS[key].default}
    if key in {**WIND_ERROR, **ZI_ERROR}:
        before = trial.beside
    texts = [
        files({"n_hours": -2, **each}) for each in (before, {**trial.beside, key: trial.value})
    ]
    changed = {name for name in files({}) if texts[0].get(name) != texts[1].get(name)}
    place = SETTINGS[key].goes
    assert {"SETUP.CFG" if place is Goes.OWN else str(place)} <= changed
    assert changed <= {str(place), "SETUP.CFG", "ZICONTROL" if key == "zicontroltf" else ""}


def files(settings: dict[str, Any]) -> dict[str, str]:
    """Return the files that HYSPLIT reads, by name; what every run has is there without settings."""
    given = {name: value for name, value in settings.items() if value is not msgspec.NODEFAULT}
    config = Config(**{"mets": {"jet": Met("/met", FILE_FORMAT, "1d")}, "n_hours": -2, **given})
    return {
        **dict.fromkeys(map(str, set(Goes) - {Goes.OWN}), ""),
        "CONTROL": render_control(RECEPTORS["day"], config, [("./", "met_001")]),
        "SETUP.CFG": render_setup(Simulation("day", "jet", RECEPTORS["day"]), config),
        **render_perturbations(config),
    }


@pytest.mark.hysplit
@pytest.mark.parametrize("key", TRIALS)
def test_both_engines_do_with_a_setting_what_the_table_says(
    laboratory: Laboratory, key: str
) -> None:
    setting = SETTINGS[key]
    found = [laboratory.outcome(engine, key, TRIALS[key]) for engine in ("hysplit", "native")]
    why = EXPLAINED.get(key, "")
    tried = str(TRIALS[key].value)[:20]
    row = f"{key:12} {tried:20} {found[0]:9} {found[1]:9} {setting.native} {why}"
    print(row.rstrip())  # noqa: T201 - the table, with pytest -s
    expected = dict(EXPECTED[setting.native])
    if why:
        expected["hysplit"] = {"same"}
    assert found[0] in expected["hysplit"]
    assert found[1] in expected["native"]


@pytest.mark.hysplit
@pytest.mark.parametrize("key", [key for key, setting in SETTINGS.items() if setting.wakes_with])
def test_an_idle_setting_that_another_wakes_is_refused_with_it(key: str) -> None:
    other = SETTINGS[key].wakes_with
    met = Met("/met", FILE_FORMAT, "1d")
    config = Config(
        mets={"jet": met}, n_hours=-2, **{other: TRIALS[other].value, key: TRIALS[key].value}
    )
    assert any(problem.startswith(f"{other}:") for problem in native_refuses(config))
    assert list(unused(config)) == []
