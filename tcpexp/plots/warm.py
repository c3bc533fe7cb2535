"""Have everything that drawing needs imported, and matplotlib's fonts loaded, before there is anything to draw."""

from __future__ import annotations

import importlib
from io import BytesIO, StringIO

from tcpexp.plots import BUILTIN


def warm_up() -> None:
    """Import the plots and what they use, and draw a small figure into memory."""
    import polars as pl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    from tcpexp.plots.style import house_style, legend, panels

    for module in dict.fromkeys(reference.partition(":")[0] for reference in BUILTIN.values()):
        importlib.import_module(module)
    frame = pl.DataFrame({"x": [0, 1], "y": [0.0, 1.0]}).filter(pl.col("x") >= 0).sort("x")
    with house_style("tcpexp-warm"):
        figure, (axes,) = panels([1.0], "Warm")
        axes.plot(frame["x"].to_list(), frame["y"].to_list(), label="one")
        axes.set_xlabel("Time (s)")
        legend(axes)
        FigureCanvasSVG(figure).print_svg(StringIO())  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure).print_png(BytesIO())  # type: ignore[no-untyped-call]
