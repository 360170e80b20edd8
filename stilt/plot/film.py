"""Films: the map of a footprint hour by hour, as a GIF, as a page that needs nothing but a browser, or as a video."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.ownership import refuse_foreign_link
from stilt.foundations.text import as_html, shown
from stilt.plot.field_map import Look, draw_field, extremes
from stilt.plot.figure import MAP_INCHES, new_figure

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from PIL.Image import Image

    from stilt.plot.field_map import Field

FRAME_MS = 350
FILM_DPI = 90


def film(
    path: str | os.PathLike[str],
    fields: Mapping[int, Field],
    look: Look | None = None,
    *,
    dpi: int = FILM_DPI,
    tell: Callable[[int, int], None] | None = None,
) -> None:
    """Write a film of fields by their hour, in the order of travel: backward in time for a run that goes back.

    Parameters
    ----------
    path
        ``.gif``; ``.html``: a page with all pictures in it, to step through; ``.mp4``, which ffmpeg makes.
    fields
        By the hour where they begin, from the receptor's time.
    look
        Of the maps: scale and extent are the same in all.
    dpi
        Dots per inch; a picture is 7 by 6.2 inches.
    tell
        Told how many pictures are drawn, of how many.

    Raises
    ------
    InputError
        If the file's name is of no such kind, or there is nothing to show.
    EnvironmentFailure
        If a video is asked for and there is no ffmpeg, or it fails.
    """
    target = Path(path)
    write = _writer(target)
    refuse_foreign_link(target)
    whole = _whole(fields)
    look = (look or Look()).scaled(extremes(fields.values()))
    if not look.vmax:
        raise InputError(
            "the footprints have nothing in their grid", "draw others", code="PICTURE_EMPTY"
        )
    hours = sorted(fields, key=abs)
    pictures = []
    for number, hour in enumerate(hours):
        pictures.append(_picture(fields[hour], whole, _titled(look, hour), dpi))
        if tell is not None:
            tell(number + 1, len(hours))
    write(target, pictures, [f"hour {hour}" for hour in hours])


def _writer(target: Path) -> Callable[[Path, list[Image], list[str]], None]:
    """Return what writes a film of this name; a video only where it can be made."""
    kind = target.suffix.lower()
    if kind == ".mp4":
        return partial(_write_mp4, _ffmpeg())
    write = {".gif": _write_gif, ".html": _write_html}.get(kind)
    if write is None:
        raise InputError(
            f"{target.name} is no film", "name it .gif, .html or .mp4", code="ENDING_UNKNOWN"
        )
    return write


def _ffmpeg() -> str:
    """Return the program: on PATH, or of the package imageio-ffmpeg, which has one for those who can't install it."""
    found = shutil.which("ffmpeg")
    if found is None:
        with suppress(ImportError, RuntimeError):
            found = import_module("imageio_ffmpeg").get_ffmpeg_exe()
    if found is None:
        raise EnvironmentFailure(
            "a film in .mp4 needs ffmpeg, and there is none on PATH",
            "name it .gif or .html, or pip install imageio-ffmpeg",
            code="FFMPEG_LACKING",
        )
    return str(found)


def _titled(look: Look, hour: int) -> Look:
    span = f"{hour} to {hour + 1} h from the receptor's time"
    return replace(look, title=f"{look.title}\n{span}" if look.title else span)


def _whole(fields: Mapping[int, Field]) -> Field:
    """Return the sum of all hours' sizes: the map has room for it from the first to the last."""
    first = next(iter(fields.values()))
    return replace(
        first, values=np.sum([np.abs(field.values) for field in fields.values()], axis=0)
    )


def _picture(field: Field, whole: Field, look: Look, dpi: int) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure = new_figure(MAP_INCHES)
    figure.set_dpi(dpi)
    draw_field(figure.subplots(), field, look, shown=whole)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _write_gif(path: Path, pictures: list[Image], _: list[str]) -> None:
    colours = [picture.quantize(128) for picture in pictures]
    pauses = [FRAME_MS] * (len(colours) - 1) + [4 * FRAME_MS]
    colours[0].save(path, save_all=True, append_images=colours[1:], duration=pauses, loop=0)


def _write_mp4(program: str, path: Path, pictures: list[Image], _: list[str]) -> None:
    """Give the pictures to ffmpeg, which chooses the codec: not each has the same ones."""
    frames = [*pictures, *pictures[-1:] * 3]
    width, height = pictures[0].size
    command = [
        *(program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
        *("-s", f"{width}x{height}", "-r", f"{1000 / FRAME_MS:.6g}", "-i", "-"),
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", str(path.absolute())),
    ]
    data = b"".join(picture.tobytes() for picture in frames)
    answer = subprocess.run(command, input=data, capture_output=True, check=False)
    if answer.returncode:
        words = answer.stderr.decode(errors="replace").strip() or f"exit code {answer.returncode}"
        raise EnvironmentFailure(
            f"ffmpeg: {shown(words)}", "name the film .gif or .html", code="FFMPEG_FAILED"
        )


def _write_html(path: Path, pictures: list[Image], names: list[str]) -> None:
    images = "".join(_image(picture, name) for picture, name in zip(pictures, names, strict=True))
    path.write_text(
        f"{_HEAD}<title>{as_html(path.stem)}</title><style>{_STYLE}</style><main>{images}"
        f'<p><button>pause</button><input type="range" max="{len(pictures) - 1}" value="0" '
        f'aria-label="hour"></p></main><script>{_SCRIPT}</script>\n',
        encoding="utf-8",
    )


def _image(picture: Image, name: str) -> str:
    data = io.BytesIO()
    picture.quantize(128).save(data, "PNG", optimize=True)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return f'<img alt="{as_html(name)}" src="data:image/png;base64,{text}">'


_HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
)
_STYLE = (
    "body{margin:0;font:15px system-ui,sans-serif}main{max-width:720px;margin:0 auto;padding:8px}"
    "img{width:100%;display:none}img:first-child{display:block}p{display:flex;gap:10px}input{flex:1}"
)
_SCRIPT = f"""
const pictures = document.querySelectorAll("img");
const range = document.querySelector("input"), button = document.querySelector("button");
const show = () => pictures.forEach((p, n) => p.style.display = n == range.value ? "block" : "none");
let timer = null;
const step = () => {{ range.value = (+range.value + 1) % pictures.length; show(); }};
const play = () => {{ timer = setInterval(step, {FRAME_MS}); button.textContent = "pause"; }};
const pause = () => {{ clearInterval(timer); timer = null; button.textContent = "play"; }};
button.onclick = () => timer ? pause() : play();
range.oninput = () => {{ pause(); show(); }};
play();
"""
