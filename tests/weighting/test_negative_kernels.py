"""Averaging kernels below zero, as the upper levels of CO and NO2 have them: every way on keeps what they make."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import LogNorm, SymLogNorm
from scipy.sparse import load_npz

import stilt
from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from stilt.plot.field_map import Look, draw_field, enclosing, extremes
from stilt.plot.fields import field_of
from stilt.plot.figure import new_figure
from stilt.weighting.kernel import Kernel
from stilt.weighting.weigh import weigh
from tests.projects import FOOTPRINT, Project
from tests.weighting.slow import weighted
from tests.weighting.test_weighted_runs import KERNELS, kernel_of, make

COLUMN = Receptor("201512100000", (-111.9,) * 2, (40.5,) * 2, (50.0, 4000.0))
FINE = FOOTPRINT.replace("yres: 0.1", "yres: 0.002, smooth_factor: 0.5")
NEGATIVE = KERNELS.replace(",1.0,0.2", ",-3.5,0.2")


def drifting(count: int, step: float) -> dict[str, np.ndarray]:
    """Return particles whose every other one is of the upper level, and goes another way."""
    rng = np.random.default_rng(1)
    time, indx = (a.ravel() for a in np.mgrid[1:31, 1 : count + 1].astype(float))
    away = time * step * np.where(indx % 2, 1.0, 0.4)
    return {
        "time": -time,
        "indx": indx,
        "long": -111.9 - away + rng.normal(0, 0.01, time.size),
        "lati": 40.5 + 0.5 * away * (indx % 2) + rng.normal(0, 0.01, time.size),
        "foot": rng.exponential(1e-3, time.size),
    }


@pytest.mark.parametrize("step", [0.004, 0.03], ids=["as they are", "filled in near the receptor"])
def test_a_footprint_is_that_of_what_adds_less_that_of_what_takes_away(step):
    grid = FootprintGrid(xmin=-114, xmax=-111, ymin=40, ymax=42, xres=0.02, yres=0.02)
    kernel = Kernel("height_m", (50.0, 4000.0), (1.0, -0.8), (0.6, 0.4))
    table = weigh(ParticleTable(drifting(40, step)), COLUMN, kernel)[0]
    foot = table["foot"]
    assert (foot < 0).any()
    found = calc_footprint(table, grid, COLUMN)
    adds, takes = (
        calc_footprint(table.with_columns(foot=np.maximum(each, 0.0)), grid, COLUMN).values  # noqa: PD011
        for each in (foot, -foot)
    )
    assert takes.max() > 0.1 * adds.max()
    np.testing.assert_allclose(found.values, adds - takes, rtol=1e-5, atol=1e-6 * adds.max())
    assert "share_outside_grid" not in found.facts


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Project:
    project = make(tmp_path_factory.mktemp("negative") / "project")
    (project.path / "kernels.csv").write_text(NEGATIVE)
    config = project.path / "config.yaml"  # rows of cells so narrow that levels do not share them
    fine = config.read_text().replace("yres: 0.1", "yres: 0.002, smooth_factor: 0.5")
    plain, weighted = f"plain: {FINE}", f"xco2: {FINE[:-1]}, weight: kernel, lifetime_h: 9}}"
    assert f"{plain}, {weighted}" in fine
    config.write_text(fine.replace(f"{plain}, {weighted}", f"{weighted}, {plain}"))
    answer = project.stilt("run", str(project.path))
    assert answer.code == 0, answer.err
    return project


def test_every_form_that_is_stored_has_what_is_negative(done, tmp_path):
    project = stilt.Project(done.path)
    first = project[0]
    frame = first.particles()
    columns = {name: frame[name].to_numpy() for name in frame}
    columns["foot"] = np.array(weighted(frame, first.receptor, kernel_of(-3.5), 9.0))
    expected = calc_footprint(ParticleTable(columns), project.config.footprints["plain"], first.receptor)  # fmt: skip
    own = expected.values  # noqa: PD011
    assert own.min() < 0 < own.max()
    near = {"rtol": 1e-5, "atol": 1e-6 * own.max()}
    forms = {"file": first.footprint("xco2").to_numpy()}
    with xr.open_dataset(first.footprint_path("xco2")) as opened:
        forms["as CF"] = opened["foot"].squeeze().to_numpy()
    forms["sparse"] = project.footprints("xco2")[0].to_numpy()[-len(own) :]
    for name, values in forms.items():
        np.testing.assert_allclose(values.reshape(own.shape), own, **near, err_msg=name)
    dense = project.footprints("xco2").to_numpy().astype(float)
    matrix = project.jacobian(footprint="xco2")
    matrix.save(tmp_path / "H.npz")
    rows = load_npz(tmp_path / "H.npz").toarray()
    np.testing.assert_allclose(np.sort(rows.sum(1)), np.sort(dense.sum((1, 2, 3))), rtol=1e-5)
    np.testing.assert_allclose(rows.min(), dense.sum(1).min(), rtol=1e-4)
    project.export("zarr", tmp_path / "all.zarr", footprint="xco2")
    kept = xr.open_zarr(tmp_path / "all.zarr", consolidated=False)
    kept = kept["foot"].to_numpy()
    np.testing.assert_allclose(np.nansum(kept), dense.sum(), rtol=1e-4)
    np.testing.assert_allclose(np.nanmin(kept), dense.min(), rtol=1e-5)
    assert done.stilt("archive", str(done.path)).code == 0
    packed = stilt.Project(done.path)
    np.testing.assert_array_equal(packed.footprints("xco2").to_numpy(), dense.astype(np.float32))
    assert "nothing to do" in done.stilt("run", str(done.path)).out
    assert done.stilt("verify", str(done.path)).code == 0


def test_maps_of_what_is_negative_have_both_signs_and_the_report_says_what_it_leaves_out(done):
    project = stilt.Project(done.path)
    seen, plain = (field_of(project[0].footprint(name)) for name in ("xco2", "plain"))
    drawn = draw_field(new_figure().subplots(), seen, Look(percent=(50,)))
    assert isinstance(drawn.norm, SymLogNorm)
    assert drawn.norm.vmin == -drawn.norm.vmax
    assert float(np.ma.filled(drawn.get_array(), 0.0).min()) < 0
    assert isinstance(draw_field(new_figure().subplots(), plain).norm, LogNorm)
    together = Look().scaled(extremes([seen, plain]))
    assert isinstance(draw_field(new_figure().subplots(), plain, together).norm, SymLogNorm)
    values = np.asarray(seen.values)
    above = np.where(values > 0, values, 0.0)
    assert enclosing(values, 50) == enclosing(above, 50)
    answer = done.stilt("report", str(done.path), "--output", str(done.path / "page.html"))
    assert answer.code == 0, answer.err
    assert answer.err == ""
    page = (done.path / "page.html").read_text()
    share = -100 * values[values < 0].sum() / np.abs(values).sum()
    assert f"{share:.2g} % of it are negative, by averaging kernels, and not drawn" in page


@pytest.mark.parametrize("weights", [(2.0, -0.5, 1.0), (1.0, -1.0, 0.5)])
def test_the_background_of_a_column_counts_what_is_negative_and_its_spread_is_a_size(weights):
    points = pd.DataFrame(
        {
            "sim": pd.Categorical(["a"] * 3),
            "at": pd.to_datetime(["2024-07-01"] * 3),
            "long": [0.5] * 3,
            "lati": [0.0, 1.0, 2.0],
            "zagl": [10.0] * 3,
            "weight": weights,
        }
    )
    field = xr.DataArray(
        np.array([[400.0, 400], [410, 410], [420, 420]]),
        coords={"lat": [0.0, 1.0, 2.0], "lon": [0.0, 1.0]},
        dims=("lat", "lon"),
        attrs={"units": "ppm"},
    )
    found = stilt.background(points, field)
    values, counts = np.array([400.0, 410, 420]), np.array(weights)
    mean = (counts * values).sum() / counts.sum()
    apart = (np.abs(counts) * (values - mean) ** 2).sum() / np.abs(counts).sum()
    assert float(found["background"][0]) == pytest.approx(mean)
    assert float(found["spread"][0]) == pytest.approx(apart**0.5)
