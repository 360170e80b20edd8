"""Maps of one footprint and of many: what is on them, on which scale, and where."""

from __future__ import annotations

import shutil
import socket
import sys
from importlib.util import find_spec
from itertools import pairwise

import click
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import stilt as package
from stilt.api.pictures import choose
from stilt.cli.plot import command
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.plot.field_map import Look, enclosing
from stilt.plot.fields import field_of
from stilt.plot.film import film
from stilt.plot.many import draw_minus, draw_panels
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

LCC = "+proj=lcc +lat_1=33 +lat_2=45 +lat_0=40 +lon_0=-97"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a picture asks the network for something")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def footprints(receptors: int = 3, west: float = -113.0) -> xr.DataArray:
    """Footprints of some receptors, each a cell in each of three hours."""
    values = np.zeros((receptors, 3, 20, 30))
    for receptor in range(receptors):
        for hour in range(3):
            values[receptor, hour, 10 + receptor, 20 - hour] = 10.0**-hour
    return xr.DataArray(
        values,
        dims=("receptor", "hour", "lat", "lon"),
        coords={
            "receptor": [f"sim{number}" for number in range(receptors)],
            "hour": [-3, -2, -1],
            "lat": 40.05 + 0.1 * np.arange(20),
            "lon": west + 0.05 + 0.1 * np.arange(30),
            "receptor_lon": ("receptor", np.full(receptors, west + 2.0)),
            "receptor_lat": ("receptor", 41.0 + 0.1 * np.arange(receptors)),
        },
        attrs={"units": "ppm (umol-1 m2 s)"},
    )


def drawn_values(axes) -> np.ndarray:
    return np.ma.filled(axes.collections[0].get_array(), 0.0)


def test_the_mean_the_sum_and_one_hour_are_those_of_the_array() -> None:
    foot = footprints()
    np.testing.assert_allclose(field_of(foot).values, foot.sum("hour").mean("receptor"))
    np.testing.assert_allclose(field_of(foot, how="sum").values, foot.sum(("hour", "receptor")))
    last = foot.sel(hour=-2).mean("receptor")
    np.testing.assert_allclose(field_of(foot, hour=-2).values, last)
    assert "mean of 3 footprints, hour -2" in field_of(foot, hour=-2).label
    with pytest.raises(InputError, match="no hour -4"):
        field_of(foot, hour=-4)
    with pytest.raises(InputError, match="all hours in one"):
        field_of(foot.sum("hour"), hour=-1)


def test_a_map_says_degrees_and_shows_every_receptor() -> None:
    axes = package.plot_footprint(footprints(), title="all")
    axes.figure.draw_without_rendering()
    labels = [text.get_text() for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    assert any(label.endswith("°W") for label in labels)
    assert any(label.endswith("°N") for label in labels)
    assert len(axes.lines[0].get_xydata()) == 3
    assert axes.get_title() == "all"
    assert axes.get_aspect() == pytest.approx(1 / np.cos(np.radians(np.mean(axes.get_ylim()))))


def test_the_labels_of_a_map_do_not_run_into_each_other() -> None:
    axes = package.plot_footprint(footprints())
    axes.figure.draw_without_rendering()
    for ticks, low, high in (
        (axes.get_xticklabels(), "x0", "x1"),
        (axes.get_yticklabels(), "y0", "y1"),
    ):
        boxes = sorted(
            (getattr(box, low), getattr(box, high))
            for text in ticks
            if text.get_text() and (box := text.get_window_extent())
        )
        assert all(end < start for (_, end), (start, _) in pairwise(boxes))


def test_a_box_and_a_scale_are_kept() -> None:
    axes = package.plot_footprint(footprints(), extent=(-112, -111, 40, 41), vmin=1e-3, vmax=0.1)
    west, east = axes.get_xlim()
    assert west <= -112 < -111 <= east
    assert axes.get_ylim() == pytest.approx((40, 41), abs=0.2)
    norm = axes.collections[0].norm
    assert (norm.vmin, norm.vmax) == (1e-3, 0.1)
    turned = package.plot_footprint(footprints(west=179.0), extent=(-180, -178, 40, 42))
    assert turned.get_xlim()[0] == pytest.approx(180, abs=1), "in the turn of the grid"


@pytest.mark.parametrize(
    ("look", "says"),
    [
        ({"extent": (1, 0, 0, 1)}, "the extent 1 0 0 1 is no box"),
        ({"vmin": -1.0}, "the scale is logarithmic: above 0"),
        ({"vmin": 2.0, "vmax": 1.0}, "is not below vmax"),
        ({"percent": (100.0,)}, "can't be enclosed"),
    ],
)
def test_a_look_that_can_not_be_is_refused(look, says) -> None:
    with pytest.raises(InputError) as raised:
        package.plot_footprint(footprints(), **look)
    assert says in f"{raised.value.message}; {raised.value.hint}"


def test_nothing_is_no_picture() -> None:
    with pytest.raises(InputError, match="the footprint has nothing in its grid"):
        package.plot_footprint(0.0 * footprints())
    with pytest.raises(InputError, match="panels are not 1 to"):
        draw_panels({})


def test_an_area_of_half_the_influence_holds_half_of_it() -> None:
    values = np.random.default_rng(1).lognormal(size=(40, 50))
    for share in (50, 90):
        held = values[values >= enclosing(values, share)].sum() / values.sum()
        assert share / 100 <= held < share / 100 + 0.01
    axes = package.plot_footprint(footprints(), percent=(50, 90))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "90% of all",
        "50% of all",
    ]


def test_projected_footprints_keep_their_map_whatever_is_made_of_them() -> None:
    foot = footprints().rename(lat="y", lon="x")
    foot = foot.assign_coords(
        x=("x", 1000.0 * np.arange(30), {"crs": LCC}), y=1000.0 * np.arange(20)
    )
    axes = foot.sum("hour").mean("receptor").pipe(package.plot_footprint)
    assert axes.get_xlabel() == "x, km"
    with pytest.raises(InputError, match="the footprint has y and x, and no projection"):
        package.plot_footprint(foot.assign_coords(x=1000.0 * np.arange(30)))
    with pytest.raises(InputError, match="give a footprint along lat and lon, or y and x"):
        package.plot_footprint(foot.sum(("y", "x")))


def test_panels_and_differences_share_scale_and_extent() -> None:
    foot = footprints()
    fields = {str(n): field_of(foot.isel(receptor=[n])) for n in range(3)}
    figure = draw_panels(fields)
    maps = figure.axes[:3]
    assert len({panel.get_xlim() for panel in maps}) == 1
    assert len({panel.collections[0].norm.vmax for panel in maps}) == 1
    first, second = fields["0"], fields["1"]
    *_, right = draw_minus(first, second, ("a", "b")).axes[:3]
    np.testing.assert_allclose(drawn_values(right), first.values - second.values)
    norm = right.collections[0].norm
    assert norm.vmin == -norm.vmax
    with pytest.raises(InputError, match="different grids"):
        draw_minus(first, field_of(footprints(west=-110.0)), ("a", "b"))


def test_a_film_has_a_picture_for_each_hour(tmp_path) -> None:
    foot = footprints()
    hours = {hour: field_of(foot, hour=hour) for hour in (-3, -2, -1)}
    told = []
    film(tmp_path / "a.gif", hours, dpi=30, tell=lambda done, total: told.append((done, total)))
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 3
    assert told[-1] == (3, 3)
    film(tmp_path / "a.html", hours, Look(title="<b>"), dpi=30)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3
    assert "http" not in page
    with pytest.raises(InputError) as raised:
        film(tmp_path / "a.mov", hours)
    assert raised.value.hint == "name it .gif, .html or .mp4"


def test_a_video_needs_ffmpeg_and_says_so_before_anything_is_drawn(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    foot = footprints()
    told = []
    with pytest.raises(
        EnvironmentFailure, match="needs ffmpeg, and there is none on PATH"
    ) as raised:
        film(tmp_path / "a.mp4", {-1: field_of(foot)}, tell=lambda *done: told.append(done))
    assert "name it .gif or .html" in raised.value.hint
    assert not told


@pytest.mark.skipif(
    not (shutil.which("ffmpeg") or find_spec("imageio_ffmpeg")), reason="no ffmpeg here"
)
def test_a_video_plays_the_hours_and_stays_on_the_last(tmp_path) -> None:
    foot = footprints()
    hours = {hour: field_of(foot, hour=hour) for hour in (-3, -2, -1)}
    film(tmp_path / "a.mp4", hours, dpi=31)
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"
    with pytest.raises(EnvironmentFailure, match="ffmpeg: ") as raised:
        film(tmp_path / "nowhere" / "a.mp4", hours, dpi=31)
    assert raised.value.hint == "name the film .gif or .html"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> package.Project:
    folder = tmp_path_factory.mktemp("plots") / "p"
    made = make_project(folder, (5, 50, Behaviour.EMPTY), footprints=f"{{fine: {FOOTPRINT}}}")
    assert made.stilt("run").code == 0
    return package.Project(folder)


def test_simulations_are_chosen_by_part_condition_and_time(project) -> None:
    everything = choose(project)
    assert len(everything.ids) == 3
    assert choose(project, ["_40.5_50"]).ids == ("fake_201512100100_-112_40.5_50",)
    assert len(choose(project, where="height_m < 100").ids) == 2
    assert len(choose(project, since="2015-12-10T01:00", until="2015-12-10T02:00").ids) == 1
    foot = project.footprints()
    np.testing.assert_allclose(everything.field().values, foot.sum("hour").mean("receptor"))
    np.testing.assert_allclose(
        foot.stilt.aggregate(hour="sum", receptor="mean"), everything.field().values
    )
    for where, says in (
        ("height_m > ", "it does not read as a comparison"),
        ("height > 1", "there is no column height"),
        ("height_m", "it is no comparison"),
        ("height_m >> 1", "it may compare columns only"),
    ):
        with pytest.raises(InputError, match=f"can't be asked: {says}"):
            choose(project, where=where)
    assert len(choose(project, where="sim != 'a' and height_m in [50]").ids) == 1
    assert choose(project, where="height_m < 100").title == (
        "2 simulations\n2015-12-10 00:00 to 2015-12-10 01:00 UTC"
    )
    with pytest.raises(InputError, match="no simulation with results"):
        choose(project, where="height_m > 1e9")
    with pytest.raises(InputError, match="nothing can be aggregated by 'day'"):
        foot.stilt.aggregate(day="sum")
    assert project.plot(how="sum").get_xlim() == foot.stilt.plot(how="sum").get_xlim()


@pytest.mark.parametrize(
    "where",
    [
        "height_m.to_csv('out.csv') or 1",
        "10**10**10 > height_m",
        "`a` == 1",
        "abs(height_m) > 1",
        "x" * 2000,
    ],
)
def test_a_condition_compares_columns_and_does_nothing_else(
    project, where, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="can't be asked"):
        choose(project, where=where)
    assert not list(tmp_path.iterdir())


def test_a_part_of_an_id_does_not_end_within_its_height(project) -> None:
    assert project["201512100000"].id == "fake_201512100000_-112_40.5_5"
    with pytest.raises(InputError, match="3 simulations have"):
        _ = project["_40.5_"]
    assert project["0100_-112_40.5_50"].id == "fake_201512100100_-112_40.5_50"
    with pytest.raises(InputError, match=r"no simulation '0100_-112_40\.5_5'"):
        _ = project["0100_-112_40.5_5"]


def test_the_command_draws_what_is_chosen(project, stilt, tmp_path) -> None:
    shown = stilt("plot", project.path, "--where", "height_m < 100", "--panels", "--dpi", "40")
    assert (shown.returncode, shown.stdout) == (0, "footprints.png\n"), shown.stderr
    assert (tmp_path / "footprints.png").stat().st_size > 5_000
    shown = stilt("plot", project.path, "--panels", "--animate", "a.gif")
    assert shown.returncode == 2
    assert "two pictures" in shown.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--panels", "--sum"), "--sum or --mean does not go with --panels"),
        (("--animate", "a.gif", "--hour", "-1"), "--hour does not go with --animate"),
        (("--animate", "a.gif", "-o", "b.gif"), "--output (FILE is the output) does not go with"),
        (("--no-particles",), "--particles does not go with several simulations"),
        (("--window",), "--window does not go with several simulations"),
        (("--background", "400"), "--background does not go with several simulations"),
        (("--observations", "x.nc"), "--observations needs --background PPM"),
        (("--observations", "x.nc", "--background", "1", "--vmax", "1"), "--vmax does not go with"),
    ],
)
def test_options_that_a_picture_has_no_place_for_are_refused(project, given, says) -> None:
    with pytest.raises(click.UsageError) as raised:
        command.main([str(project.path), *given], standalone_mode=False)
    assert says in raised.value.message


def test_observed_is_drawn_against_modelled(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = make_project(tmp_path / "p", (5, 50, 60), footprints=f"{{fine: {FOOTPRINT}}}")
    rows = (made.path / "receptors.csv").read_text().splitlines()
    observed = ["observed_ppm", "401", "402", "403"]
    assert made.stilt("run").code == 0
    flux = np.ones((20, 40))
    where = {"lat": 40.025 + 0.05 * np.arange(20), "lon": -112.975 + 0.05 * np.arange(40)}
    attrs = {"units": "umol m-2 s-1"}
    xr.Dataset({"co2": (("lat", "lon"), flux, attrs)}, coords=where).to_netcdf("flux.nc")
    given = [str(made.path), "--observations", "flux.nc:co2", "--background", "400"]
    with pytest.raises(InputError, match="nothing observed to draw"):
        command.main(given, standalone_mode=False)
    both = zip(rows, observed, strict=True)
    (made.path / "receptors.csv").write_text("\n".join(map(",".join, both)) + "\n")
    command.main([*given, "--where", "observed_ppm < 403"], standalone_mode=False)
    with Image.open("footprints.png") as picture:
        assert picture.size[0] > picture.size[1] > 500
    (made.path / "receptors.csv").write_text(
        "\n".join(map(",".join, zip(rows, ["observed_ppm", "401", "", "n/a"], strict=True))) + "\n"
    )
    with pytest.raises(InputError, match="is 'n/a', and not a number"):
        command.main(given, standalone_mode=False)


def compared(places: int, low: float, high: float) -> xr.Dataset:
    """What ``stilt.modelled`` returns of eight receptors; the last one was not observed."""
    found, seen = np.linspace(low, high, 8), np.linspace(high, low, 8)
    seen[-1] = np.nan
    return xr.Dataset(
        {"modelled": ("receptor", found), "observed": ("receptor", seen)},
        {
            "receptor_time": ("receptor", np.datetime64("2026-06-16", "h") + np.arange(8)),
            "receptor_lon": ("receptor", -112.0 - np.arange(8) % places),
            "receptor_lat": ("receptor", np.full(8, 40.5)),
        },
    )


@pytest.mark.parametrize("span", [(417.2, 422.9), (1.90123, 1.90345), (400.0, 400.0)])
@pytest.mark.parametrize("places", [1, 4])
def test_numbers_of_observed_and_modelled_stand_apart(places, span) -> None:
    picture = package.plot_modelled(compared(places, *span))
    picture.canvas.draw()
    titles = [axes.get_title() for axes in picture.axes]
    assert ("modelled" in titles) == (places > 1), "a tower's are drawn against time"
    assert any("n = 7" in title for title in titles)
    for axes in picture.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label for label in axis.get_ticklabels() if label.get_text()]
            boxes = [label.get_window_extent() for label in labels if label.get_visible()]
            for one, other in pairwise(boxes):
                assert not one.overlaps(other), labels


def test_observed_that_is_nowhere_known_is_not_drawn() -> None:
    nothing = compared(4, 400.0, 401.0)
    nothing["observed"][:] = np.nan
    with pytest.raises(InputError, match="nothing observed to draw"):
        package.plot_modelled(nothing)


def test_a_project_before_the_simulation_is_told(project, stilt) -> None:
    for name in ("plot", "logs"):
        told = stilt(name, project.path, "p_2015")
        assert told.returncode == 2
        assert "is a project, and not a simulation: SIM goes before PROJECT" in told.stderr
