"""``foot.stilt``: what can be asked of footprints as arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.axes import Axes

    from stilt.plot.field_map import LookOptions
    from stilt.plot.fields import How

    Reduction = Literal["sum", "mean"]


class FootprintAccessor:
    """What can be asked of footprints: those of a simulation, of a project, and what was summed or averaged of them."""

    def __init__(self, foot: xr.DataArray) -> None:
        self._foot = foot

    def plot(
        self,
        *,
        how: How = "mean",
        hour: int | None = None,
        axes: Axes | None = None,
        **look: Unpack[LookOptions],
    ) -> Axes:
        """Draw the footprint on a map, as ``stilt.plot_footprint`` does, and return its axes."""
        from stilt.plot.maps import plot_footprint

        return plot_footprint(self._foot, how=how, hour=hour, axes=axes, **look)

    def aggregate(self, **dimensions: Reduction) -> xr.DataArray:
        """Return sums or means along dimensions, one after the other, with units and projection kept.

        ``foot.stilt.aggregate(hour="sum", receptor="mean")``: receptors are read one by one.

        Raises
        ------
        InputError
            If there is no such dimension or way.
        """
        from stilt.foundations.errors import InputError
        from stilt.plot.fields import summed_by_receptor

        wrong = {*dimensions} - {*map(str, self._foot.dims)} or {*dimensions.values()} - {
            "sum",
            "mean",
        }
        if wrong:
            raise InputError(
                f"nothing can be aggregated by {min(wrong)!r}",
                f"dimensions are {', '.join(map(str, self._foot.dims))}; ways sum and mean",
                code="AGGREGATION_UNKNOWN",
            )
        made: Any = self._foot
        if "receptor" in dimensions:
            made = summed_by_receptor(made)
            if dimensions["receptor"] == "mean":
                made = made / max(self._foot.sizes["receptor"], 1)
        for name, how in dimensions.items():
            if name != "receptor":
                made = made.sum(name) if how == "sum" else made.mean(name)
        result: xr.DataArray = made.assign_attrs(self._foot.attrs)
        return result

    def enhancement(self, flux: xr.DataArray | xr.Dataset, *, species: str | None = None) -> Any:
        """Return what a flux adds at each receptor, ppm, as ``stilt.enhancements`` does."""
        from stilt.matrix.flux import enhancements

        return enhancements(self._foot, flux, species=species)


@lru_cache(maxsize=1)
def register_accessor() -> None:
    """Let every array of xarray have ``.stilt``."""
    register: Any = xr.register_dataarray_accessor
    register("stilt")(FootprintAccessor)
