"""What hycs_std is given is, byte for byte, what R-STILT gives it, but for levels and several places."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from stilt.config.followed import unused
from stilt.config.load import load_config, parse_config
from stilt.foundations.errors import ProblemsError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit.control import render_control
from stilt.transport.hysplit.namelist import KEYS, SEEDS, render_setup, seed
from stilt.transport.hysplit.perturbation import error_kind, render_perturbations
from stilt.transport.hysplit.settings import check_settings
from stilt.transport.hysplit.workdir import lay_out
from tests.hysplit.reference_cases import OF_LEVELS, case, case_names

if TYPE_CHECKING:
    from stilt.transport.hysplit.locate import Installation

ANYWHERE = Path("/met")
INCOMPLETE = "95_fail_winderr_incomplete"  # refused by the settings' loader
RAN_HYSPLIT = [
    name for name in case_names("CONTROL", "SETUP.CFG") if name not in {INCOMPLETE, *OF_LEVELS}
]

MINIMAL = """
mets: {ngm: {directory: /met, file_format: "%Y%m%d", file_tres: 1d}}
n_hours: -1
"""


def simulation(**fields) -> Simulation:
    receptor = Receptor("199510171800", (-90.0,), (40.0,), (10.0,))
    return Simulation(
        "ngm_199510171800_-90_40_10", "ngm", msgspec.structs.replace(receptor, **fields)
    )


def setup_values(text: str) -> dict[str, str]:
    return dict(line.rstrip(",").split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.mark.parametrize("name", RAN_HYSPLIT)
def test_control_is_r_stilts(name: str) -> None:
    given = case(name)
    met_files = [("MET/", "oct1618.BIN")]
    text = render_control(given.simulation.receptor, given.config(ANYWHERE), met_files)
    assert text == given.text("CONTROL")


@pytest.mark.parametrize("name", RAN_HYSPLIT)
def test_setup_is_r_stilts(name: str) -> None:
    given = case(name)
    config = given.config(ANYWHERE)
    assert render_setup(given.simulation, config, error_kind=error_kind(config)) == given.text(
        "SETUP.CFG"
    )


@pytest.mark.parametrize("name", RAN_HYSPLIT)
def test_error_and_scaling_files_are_r_stilts(name: str) -> None:
    given = case(name)
    files = {
        file: given.text(file)
        for file in ("WINDERR", "ZIERR", "ZICONTROL")
        if (given.folder / file).is_file()
    }
    assert render_perturbations(given.config(ANYWHERE)) == files


def test_every_namelist_setting_of_the_config_reaches_hysplit() -> None:
    from stilt.config.schema import NAMELIST_KEYS

    assert set(NAMELIST_KEYS) <= set(KEYS)
    values = setup_values(
        render_setup(simulation(), parse_config(MINIMAL + "kmix0: 77\nfrvs: 0.25\n", "c"))
    )
    assert values["KMIX0"] == "77"
    assert values["FRVS"] == "0.25"


def test_without_krand_the_stream_is_repeatable_and_the_receptors_own() -> None:
    config = parse_config(MINIMAL, "c")
    values = setup_values(render_setup(simulation(), config))
    assert values["KRAND"] == "2"
    assert -(2**31) < -1 + int(values["SEED"]) < 0
    assert render_setup(simulation(), config) == render_setup(simulation(), config)
    other = Simulation("ngm_199510171800_-90_41_10", "ngm", simulation().receptor)
    assert setup_values(render_setup(other, config))["SEED"] != values["SEED"]
    reseeded = parse_config(MINIMAL + "seed: 1\n", "c")
    assert setup_values(render_setup(simulation(), reseeded))["SEED"] != values["SEED"]


def test_a_krand_that_is_given_is_passed_on_without_a_seed() -> None:
    text = render_setup(simulation(), parse_config(MINIMAL + "krand: 4\n", "c"))
    assert setup_values(text)["KRAND"] == "4"
    assert "SEED" not in text


def test_seeds_use_the_whole_range_that_hysplit_takes() -> None:
    seeds = [seed(f"sim_{number}", 0) for number in range(2000)]
    assert min(seeds) >= 1
    assert max(seeds) <= SEEDS
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) > 0.99 * SEEDS


def test_heights_above_sea_level_are_announced() -> None:
    config = parse_config(MINIMAL, "c")
    assert setup_values(render_setup(simulation(reference="asl"), config))["KMSL"] == "1"
    assert setup_values(render_setup(simulation(), config))["KMSL"] == "0"


def test_many_met_files_become_one_grid_with_many_times() -> None:
    config = parse_config(MINIMAL, "c")
    for count, line in ((1, "1"), (12, "12"), (13, "1 13"), (100, "1 100")):
        files = [("./", f"met_{index}") for index in range(count)]
        assert render_control(simulation().receptor, config, files).split("\n")[6] == line


def test_numbers_keep_fifteen_digits_and_no_more() -> None:
    receptor = simulation(longitudes=(-111.84771234567,), latitudes=(0.1 + 0.2,)).receptor
    text = render_control(receptor, parse_config(MINIMAL, "c"), [])
    assert text.split("\n")[2] == "0.3 -111.84771234567 10"


def start_locations(receptor: Receptor, more: str) -> tuple[list[str], dict[str, str]]:
    """The lines of CONTROL's locations, and the values of SETUP.CFG."""
    config = parse_config(MINIMAL + more, "c")
    lines = render_control(receptor, config, []).split("\n")
    given = Simulation("ngm_a", "ngm", receptor)
    return lines[2 : 2 + int(lines[1])], setup_values(render_setup(given, config))


def test_levels_are_locations_in_turn_that_no_neighbours_share() -> None:
    levels = Receptor("199510171800", (-90.0,) * 3, (40.0,) * 3, (500.0, 10.0, 200.0))
    lines, values = start_locations(levels, "numpar: 5")
    assert lines == [
        "39.99995 -90 10",
        "40.00005 -90 200",
        "39.99995 -90 500",
        "40.00005 -90 10",
        "39.99995 -90 200",
        "40.00005 -90 500",
    ]
    assert (values["NUMPAR"], values["MAXPAR"]) == ("5", "5")


def test_levels_at_a_pole_stay_on_the_earth() -> None:
    for latitude in (90.0, -90.0):
        levels = Receptor("199510171800", (0.0,) * 3, (latitude,) * 3, (10.0, 20.0, 30.0))
        lines, _ = start_locations(levels, "numpar: 3")
        assert [abs(float(line.split()[0])) for line in lines].count(90.0) > 0
        assert all(abs(float(line.split()[0])) <= 90 for line in lines)


def test_places_are_locations_in_turn_just_where_they_are() -> None:
    places = Receptor("199510171800", (-90.0, -91.0), (40.0, 40.0), (10.0, 20.0))
    lines, values = start_locations(places, "numpar: 3\nmaxpar: 2000")
    assert lines == ["40 -91 20", "40 -90 10"] * 2
    assert values["MAXPAR"] == "3"


def test_over_a_long_emission_each_round_of_locations_is_a_minute() -> None:
    levels = Receptor("199510171800", (-90.0,) * 3, (40.0,) * 3, (10.0, 20.0, 30.0))
    lines, values = start_locations(levels, "numpar: 1000\nemisshrs: 1")
    assert len(lines) == 18
    assert (values["NUMPAR"], values["MAXPAR"]) == ("18", "1000")


def test_two_heights_are_two_locations_in_the_order_of_rows() -> None:
    line = Receptor("199510171800", (-90.0,) * 2, (40.0,) * 2, (500.0, 10.0))
    lines, values = start_locations(line, "numpar: 7\nmaxpar: 99")
    assert lines == ["40 -90 500", "40 -90 10"]
    assert (values["NUMPAR"], values["MAXPAR"]) == ("7", "99")


@pytest.mark.parametrize("points", [2, 3, 7, 30, 149, 150, 599, 600])
def test_locations_share_any_number_of_particles_to_within_one(points: int) -> None:
    longitudes = tuple(-100.0 + 0.01 * number for number in range(points))
    places = Receptor("199510171800", longitudes, (40.0,) * points, (10.0,) * points)
    for numpar in {points, points + 1, 2 * points - 1, 1000, 2000}:
        if numpar < points:
            continue
        lines, values = start_locations(places, f"numpar: {numpar}")
        assert (values["NUMPAR"], values["MAXPAR"]) == (str(numpar), str(numpar))
        assert numpar <= len(lines) < numpar + points  # one particle each, until MAXPAR
        counts = Counter(lines[:numpar])
        assert len(counts) == points
        assert max(counts.values()) - min(counts.values()) <= 1


def test_text_stands_in_quotes_and_no_text_as_r_stilt_has_it() -> None:
    config = parse_config(MINIMAL + "poutf: MYDUMP\n", "c")
    values = setup_values(render_setup(simulation(), config))
    assert values["POUTF"] == "'MYDUMP'"
    assert values["EFILE"] == ""


def test_a_file_that_a_setting_names_is_linked_under_a_short_name(
    tmp_path: Path, hysplit: Installation
) -> None:
    (tmp_path / "config.yaml").write_text(MINIMAL + "efile: my emissions.txt\n")
    given = tmp_path / "my emissions.txt"
    config = load_config(tmp_path / "config.yaml")
    assert config.efile == str(given)
    with pytest.raises(ProblemsError, match="cannot follow") as refused:
        check_settings(config)
    assert refused.value.problems == (f"efile: there is no file {given} that can be read",)
    given.write_text("some\n")
    check_settings(config)
    lay_out(tmp_path / "work", simulation(), config, hysplit, [])
    assert setup_values((tmp_path / "work" / "SETUP.CFG").read_text())["EFILE"] == "'given_efile'"
    assert (tmp_path / "work" / "given_efile").read_text() == "some\n"


@pytest.mark.parametrize(
    "line", ["ichem: 0", "idsp: 1", "outdt: 0.5", "rhb: 50.5", "hscale: 0", "kwet: 2", "cpack: 3"]
)
def test_a_value_with_which_every_run_would_fail_is_refused_before(line: str) -> None:
    with pytest.raises(ProblemsError) as refused:
        check_settings(parse_config(MINIMAL + line + "\n", "c"))
    (problem,) = refused.value.problems
    assert problem.startswith(line.split(":", maxsplit=1)[0] + ": with ")


@pytest.mark.parametrize(
    ("lines", "noted"),
    [
        ("", []),
        ("kmix0: 200", []),
        ("frhs: 2\nkhmax: 1", ["frhs", "khmax"]),
        ("frhs: 2\ninitd: 3", []),
        ("mgmin: 2", []),
        ("mgmin: 2\nmodel: native", ["mgmin"]),
    ],
)
def test_what_no_engine_reads_is_noted(lines: str, noted: list[str]) -> None:
    assert [text.split()[0] for text in unused(parse_config(MINIMAL + lines, "c"))] == noted
