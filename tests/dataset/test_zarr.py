"""Zarr stores of both formats: a folder each, with one file that stands for it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.schema import Met
from stilt.met import folder, kept
from stilt.met.dataset.levels import DatasetError
from stilt.met.folder import folder_index
from stilt.met.header import read_header, signature
from tests.dataset.conftest import COLUMNS, EVENING, MORNING, run
from tests.dataset.test_project import project
from tests.drawn import drawn
from tests.meteorology.netcdf import Style, write_era5
from tests.meteorology.zarr import write_zarr

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.foundations.simulation import Receptor


@pytest.fixture(scope="module", params=drawn([2, 3], 1), ids="format {}".format)
def stores(
    request: pytest.FixtureRequest, arl: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Levels and surface."""
    folder = tmp_path_factory.mktemp("zarr")
    paths = write_era5(folder / "nc", arl, Style(is_double=True))
    return write_zarr(folder / "stores", paths, request.param)


@pytest.mark.parametrize(("where", "hours"), [(EVENING, -6), (MORNING, 6)], ids=["back", "on"])
@pytest.mark.parametrize("is_turbulent", [False, True], ids=["mean wind", "turbulence"])
def test_the_same_air_gives_the_same_particles(
    arl: Path, stores: list[Path], *, where: Receptor, hours: int, is_turbulent: bool
) -> None:
    particles = 50 if is_turbulent else 1
    theirs, ours = (
        run(files, hours, where=where, is_turbulent=is_turbulent, particles=particles)
        for files in ([arl], stores)
    )
    for name in COLUMNS:
        np.testing.assert_array_equal(theirs[name], ours[name])


def test_a_store_is_one_file_of_its_folder(stores: list[Path]) -> None:
    met = Met(str(stores[0].parent.parent))
    index = folder_index(met)
    assert index.left_out == []
    assert {h.path for p in index.products for h in p.headers()} == set(stores)
    assert {h.format for p in index.products for h in p.headers()} == {"Zarr"}
    assert signature(stores[0]).startswith("era5_levels.zarr ")


def test_a_project_runs_with_stores_by_name(stores: list[Path], tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    config = made.path / "config.yaml"
    by_name = f"{{directory: {stores[0].parent.parent}, file_format: 'era5_.*zarr', file_tres: 1d}}"
    config.write_text(config.read_text().replace(str(made.path / "met"), by_name))
    said = " ".join(made.stilt("met").out.split())
    assert "Zarr, 61 x 51 points of 0.25 deg" in said
    assert "heat flux sshf (the mean of the 1 h before" in said
    done = made.stilt("run")
    assert done.code == 0, done.err


def test_without_the_library_the_message_says_how_to_get_it(
    stores: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from stilt.met.dataset.content import _content

    former = stores[0].parent.parent
    shutil.copytree(former, tmp_path / "stores")  # nobody looked at these yet
    stores = [tmp_path / "stores" / store.relative_to(former) for store in stores]
    _content.cache_clear()
    monkeypatch.setattr("stilt.met.dataset.content.find_spec", lambda _: None)
    with pytest.raises(DatasetError, match=r"pip install 'stilt-hpc\[zarr\]'"):
        read_header(stores[0])
    met = Met(str(stores[0].parent.parent))
    kept._waiting.clear()
    folder._recent.clear()
    folder._indexed.cache_clear()
    assert len(folder_index(met).left_out) == 2
    monkeypatch.undo()
    folder._recent.clear()
    folder._indexed.cache_clear()
    assert folder_index(met).left_out == [], "what was refused for that alone is looked at again"


def test_a_store_without_what_describes_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("no JSON")
    with pytest.raises(DatasetError, match="does not read as Zarr"):
        read_header(tmp_path / "zarr.json")
