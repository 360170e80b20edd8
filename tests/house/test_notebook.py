"""Notebooks: what objects show of themselves, and those of the guide, executed from end to end."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import stilt as package
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOKS = REPOSITORY / "tools" / "notebooks"


def executed(name: str, folder: Path) -> list[dict]:
    """All outputs of a notebook, executed in a kernel of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of event loops and sockets, which are not ours
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}})
        client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    return outputs


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[dict]:
    """What the notebook of a tower shows."""
    return executed("tower", tmp_path_factory.mktemp("notebook"))


def shown(outputs: list[dict], kind: str) -> list[str]:
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def table(outputs: list[dict], column: str) -> pd.DataFrame:
    """The last frame that has the column, as it is shown."""
    [*_, page] = [page for page in shown(outputs, "text/html") if f"<th>{column}</th>" in page]
    head, *rows = (
        re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in re.findall(r"(?s)<tr.*?</tr>", page)
    )
    numbers = {name: list(map(float, cells)) for name, *cells in rows if any(cells)}
    return pd.DataFrame(numbers, index=head[1:]).T


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_soundings_become_modelled_columns(tmp_path) -> None:
    outputs = executed("satellite", tmp_path)
    sums = table(outputs, "xco2")
    assert 0.1 < sums.loc["mean", "xco2"] < 0.8 * sums.loc["mean", "plain"], "kernels and 3 km"
    frame = table(outputs, "enhancement_west")
    assert len(frame) == 12
    assert frame["enhancement_west"].idxmax() < frame["enhancement_east"].idxmax(), "northward"
    assert frame["background"].between(417.5, 418.5).all()
    assert len(shown(outputs, "image/png")) == 2


def test_an_inversion_finds_what_samples_were_made_with(tmp_path) -> None:
    outputs = executed("inversion", tmp_path)
    found = table(outputs, "misfit")
    away = (found["flux"] - found.loc["truth", "flux"]).abs()
    assert away["posterior"] < 0.1 * away["prior"]
    assert away["posterior"] < 4 * found.loc["posterior", "uncertainty"]
    assert found.loc["posterior", "uncertainty"] < 0.1 * found.loc["prior", "uncertainty"]
    assert found.loc["posterior", "misfit"] < 0.1


def test_a_run_shows_one_bar_and_no_line_a_simulation(outputs) -> None:
    [bar] = [text for text in shown(outputs, "text/html") if "<progress" in text]
    assert "4/4 (100%)" in bar
    printed = "".join(each["text"] for each in outputs if each["output_type"] == "stream")
    assert "4 simulations: 4 complete" in printed
    assert "jet_2026" not in printed


def test_objects_and_pictures_are_shown(outputs) -> None:
    pages = shown(outputs, "text/html")
    assert any("stilt-map" in page and "3 simulations" in page for page in pages), "the project"
    legend = r"<path class='dot \w+' d='M6 6h0'/></svg> \w+ 3</span>"
    assert any(re.search(legend, page) for page in pages), "what its colours are"
    assert any("4 complete" in page for page in pages), "what run returns"
    assert any("<b>jet_202606162200_-111.9_40.5_500</b>" in page for page in pages)
    assert len(shown(outputs, "image/png")) == 2
    assert "enhancement" in pages[-1]


def test_what_a_notebook_shows_is_escaped_and_small(tmp_path) -> None:
    folder = tmp_path / "<b>tower"
    rows = pd.DataFrame(
        {"time": ["2026-06-16 10:00"], "longitude": -111.9, "latitude": 40.5, "altitude": 30}
    )
    settings = {"mets": {"jet": "/met/<script>"}, "n_hours": -1}
    project = package.Project.create(folder, settings, rows.assign(note="<img src=x>"))
    pages = [
        each._repr_html_() for each in (project, project[0], project.config, project.receptors)
    ]
    for page in pages:
        assert not [mark for mark in ("<b>tower", "<script", "<img") if mark in page]
        assert len(page) < 30_000
    assert "&lt;img src=x&gt;" in pages[1]


def test_receptors_are_added_all_or_none(tmp_path) -> None:
    rows = pd.DataFrame(
        {
            "time": pd.date_range("2026-06-16", periods=2, freq="h", tz="Etc/GMT-1"),
            "longitude": -111.9,
            "latitude": 40.5,
            "altitude": 30,
        }
    )
    project = package.Project.create(tmp_path / "p", {"mets": {"m": "x"}, "n_hours": -1}, rows)
    assert project.receptors.ids()[0] == "m_202606152300_-111.9_40.5_30", "UTC"
    assert project.add_receptors(rows) == []
    before = (tmp_path / "p" / "receptors.csv").read_bytes()
    with pytest.raises(package.StiltError, match="these receptors: 2 problems"):
        project.add_receptors(rows.assign(latitude=400))
    assert (tmp_path / "p" / "receptors.csv").read_bytes() == before
    assert project.add_receptors(rows.assign(altitude=50).iloc[:1]) == [
        "m_202606152300_-111.9_40.5_50"
    ]
    assert len(project) == 3
    file = tmp_path / "p" / "receptors.csv"
    file.write_text("receptors of a tower\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(package.StiltError, match="is of a form that can't be added to"):
        project.add_receptors(rows.assign(altitude=70))
    with pytest.raises(package.StiltError, match="exists already"):
        package.Project.create(tmp_path / "p", {"mets": {"m": "x"}, "n_hours": -1})
    with pytest.raises(package.StiltError):
        package.Project.create(tmp_path / "q", {"mets": {"m": "x"}, "n_hours": "many"}, rows)
    assert not (tmp_path / "q").exists()
