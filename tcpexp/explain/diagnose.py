"""What packets say, written down: the tables ``findings``, ``summary``, ``limits`` and ``resent``.

A connection is described by its own packets. So many connections are looked at in portions, two at
a time, and a large capture needs memory for a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from tcpexp.diagnosis.describe import Portion, describe_portion, join_portions
from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.judged import marked_segments
from tcpexp.diagnosis.limits import judged_connections, limits
from tcpexp.explain.beside import workers
from tcpexp.explain.joining import Between
from tcpexp.ingest.connections import damaged_of
from tcpexp.ingest.foreign import Notes
from tcpexp.store.frames import conform, empty_frame, write_table

#: Connections are taken together until they have so many packets.
PORTION = 150_000
#: Portions that are looked at at a time: what Python does between columns is of one at a time.
_AT_ONCE = 2


@dataclass(frozen=True)
class Diagnosis:
    """What the packets of captures say: ``limits`` and ``resent`` are the tables of these names."""

    portions: tuple[Portion, ...]
    limits: pl.DataFrame
    resent: pl.DataFrame


#: Finds what was sent again among packets of which some (``capture``, ``number``) are there twice.
FindResent = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def diagnose(
    packets: pl.DataFrame,
    connections: pl.DataFrame,
    find_resent: FindResent,
    portion: int = PORTION,
) -> Diagnosis:
    """Return what the packets say of every connection: ``packets`` and ``connections`` are the
    tables of these names.
    """
    chosen = judged_connections(connections).select("connection")
    packets = packets.with_columns(damaged=damaged_of(packets))

    def one(few: pl.DataFrame) -> tuple[Portion, pl.DataFrame, pl.DataFrame]:
        least, most = few["connection"].min(), few["connection"].max()
        own = packets.filter(pl.col("connection").is_between(least, most))
        return _one(own, few, few.join(chosen, on="connection", how="semi"), find_resent)

    with workers(_AT_ONCE) as pool:
        done = list(pool.map(one, _portions(packets, connections, portion)))
    resent = pl.concat([empty_frame("resent"), *(again for _, _, again in done)])
    return Diagnosis(
        tuple(said for said, _, _ in done),
        pl.concat([empty_frame("limits"), *(limited for _, limited, _ in done)]),
        conform(resent, "resent"),
    )


def _one(
    packets: pl.DataFrame, few: pl.DataFrame, chosen: pl.DataFrame, find_resent: FindResent
) -> tuple[Portion, pl.DataFrame, pl.DataFrame]:
    """Return what is said of a few connections, what limited the ``chosen`` ones, and what was sent
    again.
    """
    marked = marked_segments(packets, few)
    limited = limits(packets, chosen, marked)
    again = find_resent(packets, marked.filter("copy").select("capture", "number"))
    return describe_portion(packets, few, marked), limited, again


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
    said = join_portions(found.portions, notes)
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
