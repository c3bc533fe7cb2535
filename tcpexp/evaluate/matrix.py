"""Who harms whom: the harm that each control does to each other, over all paths of the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tcpexp.analysis.harm import Better, harm
from tcpexp.evaluate.evaluation import Row
from tcpexp.studies.statistics import Interval, mean_interval

#: (name, measure of the pairs' case, which way is good, in words)
KINDS: tuple[tuple[str, str, Better, str], ...] = (
    ("throughput", "goodput", "more", "of the goodput that it has alone"),
    ("latency", "rtt_p95", "less", "of the 95th percentile of its round-trip time"),
)
#: Of loss the matrix has the victim's share of lost packets itself, not harm.
LOSS = "lost"


@dataclass(frozen=True)
class Cell:
    """What the victim suffers beside the neighbour on one path or over all.

    ``throughput`` and ``latency`` are harm, with the interval of its seeds; ``loss`` is the share
    of packets lost, ``loss_alone`` the same without the neighbour. ``runs`` are the keys behind it.
    """

    victim: str
    neighbour: str
    path: str
    throughput: Interval | None
    latency: Interval | None
    loss: Interval | None
    loss_alone: Interval | None
    runs: tuple[str, ...]


def build_matrix(rows: Iterable[tuple[str, str, Row]]) -> list[Cell]:
    """Return a cell for each victim, neighbour and path.

    ``rows`` are (victim, neighbour or an empty text, row of the victim's measures).
    """
    known = list(rows)
    alone = {(victim, row.path, row.seed): row for victim, other, row in known if not other}
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for victim, other, row in known:
        if other:
            path = ", ".join(f"{name}={value}" for name, value in row.path)
            groups.setdefault((victim, other, path), []).append(row)
    return [_cell(victim, other, path, own, alone) for (victim, other, path), own in groups.items()]


def _cell(
    victim: str,
    other: str,
    path: str,
    rows: Sequence[Row],
    alone: dict[tuple[str, tuple[tuple[str, object], ...], int], Row],
) -> Cell:
    solo = {row.seed: alone.get((victim, row.path, row.seed)) for row in rows}
    harms: dict[str, list[float]] = {name: [] for name, *_ in KINDS}
    for row in rows:
        base = solo[row.seed]
        for name, measure, better, _ in KINDS:
            x = None if base is None else base.values.get(measure)
            y = row.values.get(measure)
            value = None if x is None or y is None else harm(x, y, better)
            if value is not None:
                harms[name].append(value)
    losses = [value for row in rows if (value := row.values.get(LOSS)) is not None]
    without = [
        value
        for row in solo.values()
        if row is not None and (value := row.values.get(LOSS)) is not None
    ]
    keys = [row.key for row in rows] + [row.key for row in solo.values() if row is not None]
    return Cell(
        victim,
        other,
        path,
        mean_interval(harms["throughput"]),
        mean_interval(harms["latency"]),
        mean_interval(losses),
        mean_interval(without),
        tuple(dict.fromkeys(keys)),
    )


def names_of(cells: Iterable[Cell]) -> list[str]:
    """Return the controls of a matrix, in the order in which they come."""
    return list(dict.fromkeys(name for cell in cells for name in (cell.victim, cell.neighbour)))


def paths_of(cells: Iterable[Cell]) -> list[str]:
    """Return the paths of a matrix."""
    return list(dict.fromkeys(cell.path for cell in cells))
