"""Write a figure as SVG and PNG; the same figure gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.plots.png import png_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Resolution of the PNG files, dots per inch.
DPI = 150


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``<name>.svg`` and ``<name>.png`` into ``folder`` and return both paths.

    Neither file holds a date or a version. Call it inside :func:`tcpexp.plots.style.house_style`, which fixes the salt of the
    SVG's internal names.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
        str(svg), metadata={"Date": None, "Creator": None}
    )
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    png.write_bytes(png_bytes(pixels, DPI))
    return svg, png
