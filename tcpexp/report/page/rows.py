"""The rows of a report's tables, as its template reads them: texts, unless said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from markupsafe import Markup

    from tcpexp.checks.base import Result


class EvidenceRow(TypedDict):
    """What proves a verdict: packets of a capture by their ``numbers``, how many ``more`` there
    are, and both as one text, ``packets``; ``head`` and ``rows`` are a small table.
    """

    text: str
    span: str
    from_ns: int | None
    to_ns: int | None
    capture: str | None
    numbers: tuple[int, ...]
    more: str
    packets: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class VerdictRow(TypedDict):
    """One verdict with its evidence.

    ``says`` is the reason without what stands in the other texts; ``long``: measured and asked do
    not fit beside each other.
    """

    result: Result
    title: str
    measured: str
    asked: str
    long: bool
    reason: str
    says: str
    because: str | None
    evidence: list[EvidenceRow]


class FlowValues(TypedDict):
    """The numbers of a flow's row, as in ``metrics.json``; None where nothing was measured."""

    goodput: float | None
    active_goodput: float | None
    share: float | None
    retransmissions: int | None
    p50: float | None
    p95: float | None
    p99: float | None
    bytes: int | None


class FlowRow(TypedDict):
    """One flow of the plan, a dash where nothing was measured."""

    name: str
    path: str
    control: str
    goodput: str
    active_goodput: str
    share: str
    retransmissions: str
    p50: str
    p95: str
    p99: str
    bytes: str
    values: FlowValues
    active: str


#: The texts of a flow's row that a table may show.
FlowText = Literal[
    "name",
    "goodput",
    "active_goodput",
    "share",
    "retransmissions",
    "p50",
    "p95",
    "p99",
    "bytes",
]


class TimelineRow(TypedDict):
    """An event, or a segment on which a fault acted."""

    planned: str
    actual: str
    late: str
    event: str
    node: str
    label: str
    text: str


class CommandRow(TypedDict):
    """A command that the engine ran, so many ``times`` in a row."""

    at: str
    node: str
    command: str
    status: str
    stderr: str
    times: int


class CertificateRow(TypedDict):
    """An item of the certificate."""

    name: str
    asked: str
    read_back: str
    measured: str
    verdict: str
    why: str


class CrossCheckRow(TypedDict):
    """A number that two sources know."""

    what: str
    measured: str
    measured_from: str
    reported: str
    reported_from: str
    difference: str
    verdict: str
    why: str


class FileRow(TypedDict):
    """A file of the run."""

    name: str
    size: str
    sha256: str


class FigureRow(TypedDict):
    """A plot ready to embed.

    ``stands_in``: a panel shows the same; ``panel`` is that panel's name. ``files``: what kinds of
    files show it, and where. ``tall``: much higher than wide on a phone; ``long``: on a wide page
    too; ``table``: a table.
    """

    name: str
    stands_in: bool
    panel: str
    image: Markup
    caption: Markup
    files: list[tuple[str, str]]
    tall: bool
    long: bool
    table: bool
