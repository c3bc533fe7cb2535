"""What packets say, written down: the tables ``findings``, ``summary`` and ``limits``.

A connection is described by its own packets. So many connections are looked at in portions, two at
a time, and a large capture needs memory for a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from tcpexp.diagnosis.describe import Portion, describe_portion, join
from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.judged import NOT_ASKED, marked_segments
from tcpexp.diagnosis.limits import judged_connections, limits
from tcpexp.explain.joining import Between
from tcpexp.ingest.connections import damaged_of
from tcpexp.ingest.foreign import Notes
from tcpexp.store.frames import conform, empty_frame, write_table

#: Connections are taken together until they have so many packets.
PORTION = 100_000
#: Portions that are looked at at a time: what Python does between columns is of one at a time.
_AT_ONCE = 2


@dataclass(frozen=True)
class Diagnosis:
    """What the packets of captures say. ``copies`` has the ``capture`` and the ``number`` of those
    that the capture holds a second time.
    """

    portions: tuple[Portion, ...]
    limits: pl.DataFrame
    copies: pl.DataFrame


def diagnose(packets: pl.DataFrame, connections: pl.DataFrame, portion: int = PORTION) -> Diagnosis:
    """Return what the packets say of every connection: ``packets`` and ``connections`` are the
    tables of these names.
    """
    chosen = judged_connections(connections).select("connection")
    asked = packets.drop(NOT_ASKED).with_columns(damaged=damaged_of(packets))

    def one(few: pl.DataFrame) -> tuple[Portion, pl.DataFrame, pl.DataFrame]:
        return _one(asked, few, few.join(chosen, on="connection", how="semi"))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(one, _portions(packets, connections, portion)))
    nothing = empty_frame("packets").select("capture", "number")
    return Diagnosis(
        tuple(said for said, _, _ in done),
        pl.concat([empty_frame("limits"), *(limited for _, limited, _ in done)]),
        pl.concat([nothing, *(copies for _, _, copies in done)]),
    )


def _one(
    packets: pl.DataFrame, few: pl.DataFrame, chosen: pl.DataFrame
) -> tuple[Portion, pl.DataFrame, pl.DataFrame]:
    """Return what is said of a few connections, what limited the ``chosen`` ones, and copies."""
    number = pl.col("connection")
    own = packets.filter(number.is_between(few["connection"].min(), few["connection"].max()))
    marked = marked_segments(own, few)
    limited = limits(own, chosen, marked)
    copies = marked.filter("copy").select("capture", "number")
    return describe_portion(own, few, marked), limited, copies


def _portions(
    packets: pl.DataFrame, connections: pl.DataFrame, most: int
) -> Iterator[pl.DataFrame]:
    """Yield connections in the order of their numbers, each time those of about ``most`` packets
    in all.
    """
    counts = packets.group_by("connection").len("packets")
    ordered = connections.sort("connection").join(
        counts, on="connection", how="left", maintain_order="left"
    )
    before = pl.col("packets").fill_null(0).cum_sum().shift(fill_value=0)
    parts = ordered.with_columns(part=before // most).drop("packets")
    yield from parts.partition_by("part", include_key=False, maintain_order=True)


def write_diagnosis(run_dir: Path, found: Diagnosis, notes: Notes, between: Between) -> None:
    """Write what was found as tables of the run, with what happened between captures."""
    said = join(found.portions, notes)
    both = [*said.findings, *between.findings]
    ordered = sorted(both, key=lambda one: -1 if one.connection is None else one.connection)
    write_table(run_dir, "findings", findings_frame(tuple(ordered)))
    write_table(run_dir, "journeys", between.journeys)
    write_table(run_dir, "summary", said.summary)
    write_table(run_dir, "limits", found.limits)


def findings_frame(findings: tuple[Finding, ...]) -> pl.DataFrame:
    """Return findings as the table of that name, in their order."""
    if not findings:
        return empty_frame("findings")
    rows = [{"number": at, **asdict(one)} for at, one in enumerate(findings, start=1)]
    return conform(pl.DataFrame(rows, infer_schema_length=None), "findings")
