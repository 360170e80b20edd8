"""R-STILT's reference cases as our settings and simulations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stilt.config.load import parse_config
from stilt.foundations.simulation import Receptor, Simulation
from tests.shared_data import shared, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config

_NOT_OURS = frozenset(
    """
    simulation_id lib.loc met_file_format met_file_tres met_path met_subgrid_buffer met_subgrid_enable
    met_subgrid_levels mhrs n_met_min output_wd projection r_run_time r_lati r_long r_zagl rm_dat run_foot run_trajec
    smooth_factor stilt_wd time_integrate timeout xmn xmx xres ymn ymx yres kmsl nbptyp
    """.split()  # noqa: SIM905
)
"""Settings of R-STILT that are not settings of the transport here."""

OF_LEVELS = ("28_column_3", "37_column_cli_default_id")
"""Three and more heights, of which R-STILT releases between the last two and stilt at each: other particles."""


@dataclass(frozen=True, slots=True)
class Case:
    """A folder of the reference: what R-STILT was told, and what hycs_std was given."""

    name: str
    folder: Path
    facts: dict[str, Any]

    def text(self, file: str) -> str:
        return (self.folder / file).read_text()

    @property
    def settings(self) -> dict[str, Any]:
        """The transport settings by our names."""
        given = self.facts["settings"]
        kept = {
            key: value for key, value in given.items() if key not in _NOT_OURS and value is not None
        }
        if not kept["zicontroltf"]:
            del kept["ziscale"]
        return kept

    def config(self, directory: Path, **changes: Any) -> Config:
        """Our settings for this case, with its meteorology in a folder."""
        met = {
            "directory": str(directory),
            "file_format": self.facts["settings"]["met_file_format"],
            "file_tres": "6h",
        }
        text = json.dumps({"mets": {"ngm": met}, **self.settings, **changes})
        return parse_config(text, self.name)

    @property
    def simulation(self) -> Simulation:
        """The receptor of this case."""
        given = self.facts["receptor"]
        heights = _many(given["r_zagl"])
        longitudes, latitudes = _many(given["r_long"]), _many(given["r_lati"])
        time = "".join(char for char in given["r_run_time"] if char.isdigit())[:12]
        receptor = Receptor(
            time,
            longitudes * (len(heights) // len(longitudes)),
            latitudes * (len(heights) // len(latitudes)),
            heights,
        )
        return Simulation(f"ngm_{self.facts['simulation_id']}", "ngm", receptor)


def _many(value: float | list[float]) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def case(name: str) -> Case:
    """Return a case by the name of its folder; skip the test where the reference is absent."""
    folder = shared("reference", name)
    return Case(name, folder, json.loads((folder / "case.json").read_text()))


def case_names(*needed: str) -> list[str]:
    """Return the cases that have all of these files; none where the reference is absent."""
    root = shared_folder()
    if root is None or not (root / "reference").is_dir():
        return []
    return sorted(
        folder.name
        for folder in (root / "reference").iterdir()
        if (folder / "case.json").is_file() and all((folder / file).is_file() for file in needed)
    )
