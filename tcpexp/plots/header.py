"""Plot ``header``: every field of one packet's IP and TCP headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.errors import SpecError
from tcpexp.ingest.dissect import dissect_packet
from tcpexp.late import polars as pl
from tcpexp.plots.base import OptionError, Options, Plot
from tcpexp.plots.kit.table import Column, Part, Row, Table
from tcpexp.views.bothends import both_ends
from tcpexp.views.headerbytes import plain_headers
from tcpexp.views.headerwords import field_meaning, field_name, field_value, shown_fields
from tcpexp.views.packets import FLAG_WORDS, connection_packets

if TYPE_CHECKING:
    from tcpexp.ingest.dissect import Field, Header
    from tcpexp.store.rundata import RunData

#: Words by which a packet of a connection is chosen, and what they mean.
CHOICES = ("syn", "syn-ack", "first-data", "fin", "rst")
COLUMNS = (
    Column("byte", "right"),
    Column("bit", "right"),
    Column("on the wire (hex, bits)"),
    Column("field"),
    Column("value"),
    Column("meaning"),
)
NAMES = {"ip": "IP header", "ipv6": "IPv6 header", "tcp": "TCP header"}


class HeaderTable(Plot):
    """Every field of one packet's IP and TCP headers: where it stands, its bytes, its value and
    what it means.

    Bytes and bits count from the beginning of each header, from 0, as in the figures of the RFCs. A
    sequence number is given as it is on the wire and relative to the initial one.

    A packet with anything rare in its headers is dissected by tshark.

    The option ``packet`` chooses the packet: ``syn``, ``syn-ack``, ``first-data``, ``fin`` or
    ``rst`` (the first of its kind in the connection), or a number in ``capture``. ``flow`` and
    ``connection`` (1, 2, ... in order of their SYN) choose the connection.
    """

    name = "header"
    title = "Header, field by field"
    defaults: ClassVar[dict[str, Any]] = {
        "packet": None,
        "capture": "",
        "flow": "",
        "connection": 1,
    }
    time_axis = False
    on_demand = True

    @classmethod
    def option_errors(cls, given: Options) -> list[OptionError]:
        """Add: ``packet`` is one of the words or a number."""
        errors = super().option_errors(given)
        packet = given.get("packet")
        number = isinstance(packet, int) and not isinstance(packet, bool) and packet > 0
        if packet is not None and not number and packet not in CHOICES:
            errors.append(
                OptionError(
                    f"plot 'header': packet cannot be {packet!r}",
                    "packet",
                    hint=f"one of {', '.join(CHOICES)}, or a number from 1",
                )
            )
        return errors

    def draw(self, run: RunData, options: Options) -> Table | None:
        """Return the table, or None when there is no such packet or its capture is gone.

        Raises ``FileNotFoundError`` for a rare packet without tshark.
        """
        packet = chosen_packet(run, options)
        capture = run.path / "raw" / f"{packet['capture']}.pcap" if packet else None
        if packet is None or capture is None or not capture.is_file():
            return None
        headers = plain_headers(capture, packet) or dissect_packet(capture, packet["number"])
        kind = "".join(f"{FLAG_WORDS.get(letter, letter)}, " for letter in packet["flags"] or "")
        where = (
            f"{packet['capture']} #{packet['number']} ({kind}{packet['t_ns'] / 1e9:.6f} s,"
            f" {packet['payload_bytes'] or 0:,} bytes of payload)"
        )
        links = both_ends(run, packet["capture"], packet["number"])
        parts = [header_part(header, where) for header in headers]
        first = parts[0]
        return Table((Part(first.columns, first.rows, first.title, first.note, links), *parts[1:]))


def header_part(header: Header, where: str) -> Part:
    """Return one header's rows."""
    rows = tuple(_row(field, header) for field in shown_fields(header))
    return Part(
        COLUMNS,
        rows,
        f"{NAMES.get(header.protocol, header.protocol)} of {where}: {header.size_bytes} bytes",
    )


def _row(field: Field, header: Header) -> Row:
    last_byte = field.last_bit // 8
    place = (
        str(field.first_byte)
        if last_byte == field.first_byte
        else f"{field.first_byte}-{last_byte}"
    )
    bits = str(field.first_bit) if field.bits == 1 else f"{field.first_bit}-{field.last_bit}"
    shaded = field.name.startswith("tcp.flags.") and field.show in ("1", "True")
    return Row(
        (
            place,
            bits,
            field.wire,
            field_name(field),
            field_value(field, header),
            field_meaning(field, header),
        ),
        shaded,
    )


def chosen_packet(run: RunData, options: Options) -> dict[str, Any] | None:
    """Return the row of ``packets`` that the options choose, None when there is none.

    Raises ``SpecError`` for a number without a capture.
    """
    packet, capture = options["packet"] or "syn", options["capture"]
    if isinstance(packet, int):
        if not capture:
            raise SpecError(
                "plot 'header': a packet's number belongs to a capture",
                hint="write capture: h1-eth0 beside it",
            )
        found = run.table("packets").filter(
            (pl.col("capture") == capture) & (pl.col("number") == packet)
        )
    else:
        found = (
            _of_connection(run, options)
            .filter(_kind(packet) & ((pl.col("capture") == capture) if capture else True))
            .head(1)
        )
    return None if found.is_empty() else found.row(0, named=True)


def _of_connection(run: RunData, options: Options) -> pl.DataFrame:
    """Return the packets of the connection that the options choose, in the order of time."""
    connections = run.table("connections").filter(pl.col("syn_ns").is_not_null()).sort("syn_ns")
    if options["flow"]:
        connections = connections.filter(pl.col("flow") == options["flow"])
    if connections.height < options["connection"]:
        return run.table("packets").clear()
    return connection_packets(run, connections.row(options["connection"] - 1, named=True))


def _kind(packet: str) -> pl.Expr:
    """Return the condition for a word of ``CHOICES``."""
    flags = pl.col("flags")
    if packet == "syn":
        return flags.str.contains("S") & ~flags.str.contains("A")
    if packet == "syn-ack":
        return flags.str.contains("S") & flags.str.contains("A")
    if packet in ("fin", "rst"):
        return flags.str.contains(packet[0].upper())
    return pl.col("payload_bytes") > 0
