"""What the tracepoints of a congestion control of the spec's own recorded, by flow."""

from __future__ import annotations

from collections.abc import Sequence

from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData
from tcpexp.views.spans import Span, rows_within


def flow_variables(
    run: RunData, span: Span | None = None, names: Sequence[str] | None = None
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the rows of the table ``variables`` that belong to the plan's flows, in time order,
    and the unit of each variable.

    Variables are in the order of ``names``, else as the tracepoints have them. One that two
    tracepoints have is called ``event.variable``.
    """
    known = [flow.name for flow in run.plan.flows]
    rows = rows_within(run.table("variables"), span).filter(pl.col("flow").is_in(known))
    events = rows.select("event", "variable", "unit").unique(maintain_order=True)
    twice = events["variable"].is_duplicated()
    words = (
        pl.when(twice)
        .then(pl.concat_str("event", "variable", separator="."))
        .otherwise(pl.col("variable"))
    )
    events = events.with_columns(called=words)
    rows = rows.join(events, on=["event", "variable", "unit"], how="left", maintain_order="left")
    rows = rows.drop("variable").rename({"called": "variable"})
    units = dict(zip(events["called"], events["unit"], strict=True))
    if names is not None:
        units = {name: units[name] for name in names if name in units}
        rows = rows.filter(pl.col("variable").is_in(list(units)))
    return rows, units
