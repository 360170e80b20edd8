"""Numbers as R writes them in a simulation id: fifteen significant digits, nothing trailing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_ODD = r"e|^-?0\.000|00000$|^.{17,}$"


def r_number(value: float) -> str:
    """Write a number as R's ``paste`` does: ``-90``, ``40.5``, ``1e-04``.

    R takes the scientific form where it is shorter than the plain one.
    """
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.14e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    scientific = f"{mantissa}e{int(exponent):+03d}"
    decimals = max(len(mantissa.lstrip("-").replace(".", "")) - 1 - int(exponent), 0)
    plain = f"{value:.{decimals}f}"
    return plain if len(plain) <= len(scientific) else scientific


def r_numbers(values: NDArray[np.float64]) -> pa.Array:
    """Write many numbers; the usual ones without a Python call each."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.cast(pa.array(values + 0.0), pa.string())
    odd = pc.match_substring_regex(text, _ODD)
    if not pc.any(odd).as_py():
        return text
    places = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    written = pa.array([r_number(value) for value in values[places].tolist()], pa.string())
    return pc.replace_with_mask(text, odd, written)


def round_to_id(values: NDArray[np.float64], texts: pa.Array) -> NDArray[np.float64]:
    """Round to the digits that ids show, so that receptors differ exactly when their ids do."""
    import numpy as np
    import pyarrow.compute as pc

    long = np.flatnonzero(pc.greater(pc.utf8_length(texts), 15).to_numpy(zero_copy_only=False))
    rounded = values + 0.0
    if len(long):
        rounded[long] = [float(f"{value:.15g}") for value in values[long].tolist()]
    return rounded
