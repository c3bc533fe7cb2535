"""``packet_pages(run, panels)``: all that the report's packet list shows, as a description and
packed columns of its own, which the page unpacks when the list is first looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.report.packets.fields import described_fields
from tcpexp.report.packets.listing import PROTOCOLS, Capture, Lister, captures_of
from tcpexp.report.packets.recorded import Recorded, read_recorded
from tcpexp.report.packets.streams import Stream, described, streams_of
from tcpexp.report.panels.columns import ColumnStore
from tcpexp.views.bothends import FATES
from tcpexp.views.conversations import Conversation, conversations
from tcpexp.views.expert import expert_summary
from tcpexp.views.headerwords import WORDS as HEADER_WORDS
from tcpexp.views.labels import WORDS
from tcpexp.views.packets import FLAG_WORDS

if TYPE_CHECKING:
    from tcpexp.report.panels.model import PanelData, PanelTable
    from tcpexp.store.rundata import RunData

#: So many conversations of a capture are listed, those with most bytes; the page says how many
#: there are.
MOST_CONVERSATIONS = 100


def packet_pages(
    run: RunData, panels: PanelData, *, only_data: bool = False
) -> tuple[dict[str, Any], str] | None:
    """Return the description (plain values for JSON) and the packed columns of the packet list.

    ``only_data`` leaves out what labels and fields of headers mean.

    What ``panels`` hold of packets is not stored again: the description names their tables. None
    when nothing was captured.
    """
    tables = [table for table in panels.tables.values() if table.kind == "packets"]
    first = panels.connections[0]["id"] if panels.connections else None
    at = panels.tables[first].facts["capture"] if first is not None else None
    captures = captures_of(run, at)
    if not captures:
        return None
    store = ColumnStore()
    lister = Lister(store, [capture.name for capture in captures])
    streams = streams_of(run, _captures_of_connections(tables, run))
    listed, shown = [], []
    for capture in captures:
        wanted: dict[int, int] = {}
        mine = [stream for stream in streams if stream.capture == capture.name]
        for stream in mine:
            wanted |= stream.wanted
        recorded = _recorded(run, capture, wanted)
        own = [table for table in tables if table.facts["capture"] == capture.name]
        talks = conversations(run, capture.name)
        listed.append(
            {
                **lister.listed(capture, own, recorded),
                "expert": [
                    {**row, "meaning": "" if only_data else row["meaning"]}
                    for row in expert_summary(run, capture.name)
                ],
                "conversations": [_cells(talk) for talk in _largest(talks)],
                "more_conversations": max(0, len(talks) - MOST_CONVERSATIONS),
            }
        )
        shown += _described(mine, recorded, store)
    shown.sort(key=lambda stream: int(stream["connection"]))
    described_run = {
        "version": 1,
        "captures": listed,
        "streams": shown,
        "addresses": lister.words["addresses"],
        "hosts": _hosts(run, lister.words["addresses"]),
        "flows": lister.words["flows"],
        "protocols": list(PROTOCOLS),
        "flags": list(FLAG_WORDS.values()),
        "labels": list(WORDS.items()),
        "fates": list(FATES),
        "fields": described_fields(meanings=not only_data),
        "words": {
            name: [word, "" if only_data else meaning]
            for name, (word, meaning) in HEADER_WORDS.items()
        },
        "explained": not only_data,
    }
    return described_run, store.packed()


def _captures_of_connections(tables: list[PanelTable], run: RunData) -> dict[int, str]:
    """Return at which capture the panels show a connection, by its number."""
    if not tables:
        return {}
    shown = {(table.facts["capture"], table.facts["stream"]) for table in tables}
    ways = (
        run.table("packets")
        .select("capture", "stream", "connection")
        .drop_nulls("connection")
        .unique(maintain_order=True)
    )
    return {
        connection: capture
        for capture, stream, connection in ways.iter_rows()
        if (capture, stream) in shown
    }


def _recorded(run: RunData, capture: Capture, wanted: dict[int, int]) -> Recorded | None:
    frame = capture.frame
    return read_recorded(
        run.capture_file(capture.name),
        frame["number"].to_numpy(),
        frame["frame_bytes"].to_numpy(),
        wanted,
    )


def _described(
    streams: list[Stream], recorded: Recorded | None, store: ColumnStore
) -> list[dict[str, Any]]:
    if recorded is None:
        return []
    return [described(stream, recorded.payloads, store) for stream in streams]


def _largest(talks: list[Conversation]) -> list[Conversation]:
    """Return the conversations with most bytes, in the order of their first packets."""
    largest = sorted(talks, key=lambda talk: -sum(talk["frame_bytes"]))[:MOST_CONVERSATIONS]
    return sorted(largest, key=lambda talk: talk["first_number"])


#: The cells of a conversation, in the order in which the page reads them.
CELLS = (
    "protocol",
    "stream",
    "connection",
    "flow",
    "a",
    "a_port",
    "b",
    "b_port",
    "packets",
    "frame_bytes",
    "payload_bytes",
    "first_number",
    "start_ns",
    "duration_ns",
    "rate_bps",
    "resent",
)


def _cells(talk: Conversation) -> list[Any]:
    return [talk[name] for name in CELLS]  # type: ignore[literal-required]


def _hosts(run: RunData, addresses: list[str]) -> list[str]:
    """Return the node that has each address, empty for a stranger's."""
    names = {face.address: node.name for node in run.plan.network.nodes for face in node.interfaces}
    return [names.get(address, "") for address in addresses]
