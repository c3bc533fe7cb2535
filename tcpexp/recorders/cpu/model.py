"""The recorder ``cpu``: what a spec says of it, and the table that it fills."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

from pydantic import Field

from tcpexp.record.columns import T_NS, Column, TableSchema
from tcpexp.record.sampling import OpenSample
from tcpexp.recorders.cpu import guest
from tcpexp.recorders.sampled import SECOND_NS, SampledRecorder
from tcpexp.units import Duration


class Processor(SampledRecorder):
    """How busy the place's processors were, each ``every``.

    A saturated place makes a run SUSPECT.
    """

    name: ClassVar[str] = "cpu"
    default: ClassVar[bool] = True
    sampler: ClassVar[OpenSample] = guest.open_sample
    table: ClassVar[TableSchema] = TableSchema(
        "cpu",
        "one sample of the place's processor: busy fraction since the sample before",
        (T_NS, Column("busy", "Float64", "share of the time since the sample before, 0 to 1")),
        order=("t_ns",),
    )

    every: Duration = Field(default=SECOND_NS, description="distance of the samples")

    @classmethod
    def rows(cls, recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the busy share between each two samples of ``busy_ticks`` and ``total_ticks``.

        The first sample only begins the count and has no row. Where no tick passed, or a number is
        missing, the share is null.
        """
        return [
            {"t_ns": later.get("t_ns"), "busy": _share(earlier, later)}
            for earlier, later in itertools.pairwise(recorded)
        ]


def _share(earlier: dict[str, Any], later: dict[str, Any]) -> float | None:
    busy, total = _growth(earlier, later, "busy_ticks"), _growth(earlier, later, "total_ticks")
    if busy is None or total is None or total <= 0:
        return None
    return min(1.0, max(0.0, busy / total))


def _growth(earlier: dict[str, Any], later: dict[str, Any], key: str) -> float | None:
    before, now = earlier.get(key), later.get(key)
    if isinstance(before, int | float) and isinstance(now, int | float):
        return float(now) - float(before)
    return None
