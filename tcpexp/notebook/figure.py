"""A plot of a run as a figure of matplotlib's, which a notebook shows once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.errors import DataError, TcpexpError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


def draw_figure(run: RunData, plot: str, given: Mapping[str, Any]) -> Figure:
    """Return a plot of the run: with the options that its spec gives the plot, and ``given`` over
    these. ``flow`` may be a name or, for plots of several flows, stand for ``flows``.

    Raises:
        SpecError: there is no such plot, or it has no such option.
        DataError: the run holds no data for it.
    """
    from tcpexp.plots.kit.style import house_style
    from tcpexp.plots.kit.table import Table
    from tcpexp.plots.kit.tabledraw import draw_table
    from tcpexp.plots.kit.writing import fallback_families
    from tcpexp.plots.run import figure_texts

    kind = catalogue_for(run.plan).plots.get(plot)
    options = kind.resolve({**_in_spec(run, plot), **_options(kind, given)})
    with house_style(f"tcpexp-{plot}", fallback_families(figure_texts(run))):
        try:
            drawn = kind().draw(run, options)
        except TcpexpError:
            raise
        except Exception as error:  # a plot may be another's program
            raise DataError(f"drawing '{plot}' failed: {type(error).__name__}: {error}") from error
        if drawn is None:
            raise DataError(
                f"the run {run.path.name} holds no data for the plot '{plot}'",
                hint="run.figures names those that its spec asks for",
            )
        figure: Figure = (
            draw_table(drawn, str(options["title"])) if isinstance(drawn, Table) else drawn
        )
    return shown(figure)


def shown(figure: Figure) -> Figure:
    """Return the figure, able to show itself in a notebook without pyplot, which would show it a
    second time.
    """
    figure._repr_png_ = partial(png_of, figure)  # type: ignore[attr-defined]
    return figure


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with BytesIO() as file:
        FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]
        return file.getvalue()


def _in_spec(run: RunData, plot: str) -> dict[str, Any]:
    """Return the options of the spec's first entry of this plot."""
    for entry in run.plan.plots:
        if plot in entry:
            return dict(entry[plot] or {})
    return {}


def _options(kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(given)
    if "flow" in options and "flow" not in kind.defaults:
        flow = options.pop("flow")
        options["flows"] = [flow] if isinstance(flow, str) else list(flow)
    return options
