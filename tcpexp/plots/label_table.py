"""Plot ``label_table``: how often Wireshark gave each label, what it means in this run, and example
packets at both ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.analysis.labels import count_contained, labelled, once
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.table import Column, Part, Row, Table
from tcpexp.views.bothends import both_ends
from tcpexp.views.labels import MEANINGS, WORDS, meaning_here
from tcpexp.views.packets import PacketLink
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

COLUMNS = (
    Column("label"),
    Column("packets", "right"),
    Column("by capture"),
    Column("what it means", explains=True),
    Column("examples at (s)"),
)
EXAMPLES = 3
NOTE = (
    "Labels are what Wireshark's analysis of one capture suggests, packet by packet; it does not"
    " ask the kernel. The same packet may carry a label in both captures, or in one only; it counts"
    " once, and in its column once per capture. Of each example the packet's number in every"
    " capture that holds it is given, the sender's first."
)


class LabelTable(Plot):
    """Wireshark's labels: how often each occurs, what it means here, and example packets to look up
    in both ends' captures.

    What is said of a label beyond its general meaning is chosen by what this run recorded, and
    tells where Wireshark's name misleads. ``capture`` chooses one capture, such as ``h1-eth0``.
    """

    name = "label_table"
    title = "Wireshark's labels: what they mean here"
    defaults: ClassVar[dict[str, Any]] = {"capture": ""}
    time_axis = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Table | None:
        """Return the table, or None when no packet carries a label."""
        return label_table(run, options)


def label_table(run: RunData, options: Options) -> Table | None:
    """Return the table: a row per label that occurs, in the order of ``WORDS``.

    None when there is none.
    """
    rows = rows_within(labelled(run), options.get("between"))
    if options.get("capture"):
        rows = rows.filter(pl.col("capture") == options["capture"])
    if options.get("flows") is not None:
        rows = rows.filter(pl.col("flow").is_in(list(options["flows"])))
    owners = {
        interface.address: node.name
        for node in run.plan.network.nodes
        for interface in node.interfaces
    }
    packets = (
        rows.select("capture", "number")
        .unique()
        .join(run.table("packets"), on=["capture", "number"], how="inner")
    )
    packets = packets.with_columns(
        src_node=pl.col("src").replace_strict(owners, default=None, return_dtype=pl.String)
    ).sort("t_ns", "capture", "number")
    present = set(rows["label"].unique().to_list())
    order = [name for name in WORDS if name in present] + sorted(present - set(WORDS))
    found = tuple(
        _row(run, name, rows, packets.filter(pl.col("labels").list.contains(name)))
        for name in order
    )
    return Table((Part(COLUMNS, found),), NOTE) if found else None


def _row(run: RunData, label: str, rows: pl.DataFrame, found: pl.DataFrame) -> Row:
    count = once(rows.filter(pl.col("label") == label)).height
    captures = found.group_by("capture").len().sort("capture").rows()
    times, links = _examples(run, found)
    inner = ", ".join(
        f"{WORDS[name]} {part:,}" for name, part in count_contained(rows, label).items()
    )
    includes = f"Of these {count:,} packets some have a second label: {inner}." if inner else ""
    meaning = " ".join(
        sentence
        for sentence in (MEANINGS.get(label, ""), includes, meaning_here(run, label, found))
        if sentence
    )
    by_capture = ", ".join(f"{capture}: {number:,}" for capture, number in captures)
    return Row(
        (WORDS.get(label, label), f"{count:,}", by_capture, meaning, ", ".join(times)),
        packets=tuple(links),
    )


def _examples(run: RunData, found: pl.DataFrame) -> tuple[list[str], list[PacketLink]]:
    """Return times and links of the first packets; one that stands in both captures counts once."""
    times: list[str] = []
    links: list[PacketLink] = []
    for capture, number, t_ns in (
        found.select("capture", "number", "t_ns").head(4 * EXAMPLES).iter_rows()
    ):
        if len(times) == EXAMPLES:
            break
        if PacketLink(capture, number) not in links:
            times.append(f"{t_ns / 1e9:.3f}")
            links += both_ends(run, capture, number)
    return times, links
