"""The fields of the display filter: names, what each means, and what ``page/filter.js`` compares.

Where Wireshark has such a field the name is Wireshark's; short names stand beside it. The page
takes this list from the report, and the reference page is made from it, so neither can know a field
that the other does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tcpexp.views.labels import MEANINGS, WORDS

#: ``number``: compared as a number. ``time``: a number of seconds, or with a unit. ``flag``: true
#: or false. ``address``, ``port``: one of two columns. ``word``: one word of several.
#: ``label``, ``fate``: any of the packet's words. ``both``: true or false when it stands alone, a
#: number when it is compared.
Kind = Literal["number", "time", "flag", "address", "port", "word", "label", "fate", "both"]


@dataclass(frozen=True)
class FilterField:
    """A field: its ``names``, the first of them Wireshark's, or ours where Wireshark has none.

    ``columns`` are what ``page/packets.js`` calls the values; ``bit`` which bit of the column is
    meant. ``group`` and ``meaning`` are for readers, ``example`` is a whole filter.
    """

    names: tuple[str, ...]
    kind: Kind
    columns: tuple[str, ...]
    group: str
    meaning: str
    example: str = ""
    bit: int | None = None


def _flag(
    name: str, short: tuple[str, ...], bit: int, meaning: str, column: str = "flags"
) -> FilterField:
    return FilterField((f"tcp.flags.{name}", *short), "flag", (column,), "Flags", meaning, "", bit)


_LABELS = tuple(
    FilterField(
        (f"tcp.analysis.{name}",),
        "flag",
        ("labels",),
        "Wireshark's labels",
        MEANINGS[name],
        "",
        bit,
    )
    for bit, name in enumerate(WORDS)
)

FIELDS: tuple[FilterField, ...] = (
    FilterField(
        ("frame.number", "number", "no"),
        "number",
        ("number",),
        "Packet",
        "its number in the capture, as Wireshark shows it",
        "frame.number in {1..20}",
    ),
    FilterField(
        ("frame.time_relative", "time"),
        "time",
        ("t",),
        "Packet",
        "when it was captured, from the experiment's zero: seconds, or a number with ms, us or ns",
        "time >= 1.5 and time < 2",
    ),
    FilterField(
        ("frame.time_delta", "delta"),
        "time",
        ("delta",),
        "Packet",
        "time since the packet before it in the capture",
        "frame.time_delta > 200ms",
    ),
    FilterField(
        ("frame.len",),
        "number",
        ("frame",),
        "Packet",
        "bytes of the whole frame",
        "frame.len > 1000",
    ),
    FilterField(
        ("frame.cap_len",),
        "number",
        ("caplen",),
        "Packet",
        "bytes of the frame that the capture holds",
        "frame.cap_len < frame.len",
    ),
    FilterField(
        ("frame.protocols", "protocol"),
        "word",
        ("protocol",),
        "Packet",
        "tcp, udp, icmp, arp, nd, mld or other; each is also a word of its own: `udp`",
        "protocol == icmp",
    ),
    FilterField(
        ("ip.addr", "ipv6.addr", "ip.host", "host", "addr"),
        "address",
        ("src", "dst"),
        "Addresses",
        "source or destination: an address, a network such as `10.0.0.0/24`, or a host's name",
        "ip.addr == 10.0.0.1",
    ),
    FilterField(
        ("ip.src", "ipv6.src", "ip.src_host", "src"),
        "address",
        ("src",),
        "Addresses",
        "who sent it",
        "src == h1",
    ),
    FilterField(
        ("ip.dst", "ipv6.dst", "ip.dst_host", "dst"),
        "address",
        ("dst",),
        "Addresses",
        "whom it was sent to",
        "dst == 10.0.0.2",
    ),
    FilterField(
        ("ip.version",), "number", ("version",), "IP", "4 or 6; `ip` and `ipv6` are words too"
    ),
    FilterField(
        ("ip.ttl", "ipv6.hlim", "ttl"), "number", ("ttl",), "IP", "time to live, hop limit"
    ),
    FilterField(("ip.id",), "number", ("id",), "IP", "identification", "ip.id == 0x1a2b"),
    FilterField(
        ("ip.dsfield.ecn", "ecn"),
        "number",
        ("ecn",),
        "IP",
        "0 not ECN-capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced",
        "ecn == 3",
    ),
    FilterField(
        ("ip.dsfield.dscp",), "number", ("dscp",), "IP", "class of service, where it was recorded"
    ),
    FilterField(
        ("tcp.port", "udp.port", "port"),
        "port",
        ("src_port", "dst_port"),
        "Ports",
        "source or destination port; with `tcp.` or `udp.` only of that protocol",
        "tcp.port == 80",
    ),
    FilterField(
        ("tcp.srcport", "udp.srcport", "srcport"), "port", ("src_port",), "Ports", "source port"
    ),
    FilterField(
        ("tcp.dstport", "udp.dstport", "dstport"),
        "port",
        ("dst_port",),
        "Ports",
        "destination port",
        "udp.dstport in {53, 5201..5210}",
    ),
    FilterField(
        ("tcp.stream",),
        "number",
        ("stream",),
        "Connections",
        "Wireshark's number of the connection in this capture, from 0",
        "tcp.stream == 0",
    ),
    FilterField(
        ("connection",),
        "number",
        ("connection",),
        "Connections",
        "the connection's number in the run's tables, from 1, the same in all captures",
        "connection == 1",
    ),
    FilterField(
        ("flow",),
        "word",
        ("flow",),
        "Connections",
        "the flow of the experiment that it belongs to",
        'flow == "download"',
    ),
    FilterField(
        ("tcp.seq", "seq"),
        "number",
        ("seq",),
        "Numbers of TCP",
        "sequence number, relative",
        "tcp.seq in {1..14480}",
    ),
    FilterField(
        ("tcp.nxtseq",), "number", ("end",), "Numbers of TCP", "sequence number after its payload"
    ),
    FilterField(("tcp.seq_raw",), "number", ("seq_raw",), "Numbers of TCP", "sequence number, raw"),
    FilterField(
        ("tcp.ack_raw",), "number", ("ack_raw",), "Numbers of TCP", "acknowledgment number, raw"
    ),
    FilterField(
        ("tcp.len", "udp.payload_len", "len"),
        "number",
        ("len",),
        "Numbers of TCP",
        "bytes of payload, of TCP or UDP",
        "tcp.len > 0",
    ),
    FilterField(
        ("tcp.window_size", "win", "window_size"),
        "number",
        ("win",),
        "Numbers of TCP",
        "window in bytes, scaled",
        "win < 1448",
    ),
    FilterField(
        ("tcp.window_size_value",), "number", ("field",), "Numbers of TCP", "the window's field"
    ),
    FilterField(("tcp.checksum",), "number", ("sum",), "Numbers of TCP", "checksum of TCP or UDP"),
    FilterField(
        ("tcp.ack", "ack"),
        "both",
        ("ack",),
        "Numbers of TCP",
        "acknowledgment number, relative. Alone it is the flag: `syn and not ack`",
        "tcp.ack > 1",
        4,
    ),
    FilterField(
        ("tcp.flags",),
        "number",
        ("flag_field",),
        "Flags",
        "all flags as one number, as in the header",
        "tcp.flags == 0x012",
    ),
    _flag("syn", ("syn",), 0, "here sequence numbers begin"),
    _flag("fin", ("fin",), 1, "no more data from this end"),
    _flag("reset", ("tcp.flags.rst", "rst", "reset"), 2, "the connection is ended at once"),
    _flag("push", ("tcp.flags.psh", "psh", "push"), 3, "give what you have to the application"),
    _flag("ack", (), 4, "the acknowledgment number counts"),
    _flag("urg", ("urg",), 5, "the urgent pointer counts"),
    _flag("ece", ("tcp.flags.ecn", "ece"), 6, "a packet arrived with a congestion mark"),
    _flag("cwr", ("cwr",), 7, "congestion window reduced"),
    _flag("ae", ("ae",), 8, "accurate ECN, with CWR and ECE: how many marked packets arrived"),
    FilterField(
        ("tcp.options.mss_val", "tcp.options.mss", "mss"),
        "number",
        ("mss",),
        "Options",
        "maximum segment size",
        "tcp.options.mss_val < 1460",
    ),
    FilterField(
        ("tcp.options.wscale.shift", "tcp.options.wscale", "wscale"),
        "number",
        ("wscale",),
        "Options",
        "by how many bits this end's windows are scaled",
    ),
    FilterField(
        ("tcp.options.sack_perm", "sack_perm"),
        "flag",
        ("sackok",),
        "Options",
        "SACK permitted",
        "",
        0,
    ),
    FilterField(
        ("tcp.options.sack.count", "tcp.options.sack", "sack"),
        "number",
        ("blocks",),
        "Options",
        "how many SACK blocks it carries",
        "sack and not tcp.analysis.duplicate_ack",
    ),
    FilterField(
        ("tcp.options.timestamp.tsval", "tsval"),
        "number",
        ("tsval",),
        "Options",
        "time stamp of the sender's clock",
    ),
    FilterField(
        ("tcp.options.timestamp.tsecr", "tsecr"),
        "number",
        ("tsecr",),
        "Options",
        "time stamp that is echoed",
    ),
    FilterField(
        ("tcp.analysis.flags",),
        "number",
        ("labels",),
        "Wireshark's labels",
        "alone: it carries any label",
        "tcp.analysis.flags",
    ),
    *_LABELS,
    FilterField(
        ("label",),
        "label",
        ("labels",),
        "Wireshark's labels",
        "a label by Wireshark's words, their beginning or its short name; alone: any label",
        'label == "Dup ACK"',
    ),
    FilterField(
        ("tcp.analysis.bytes_in_flight", "in_flight"),
        "number",
        ("flight",),
        "Analysis",
        "bytes in flight, as Wireshark counts them at this capture",
        "in_flight > 100000",
    ),
    FilterField(
        ("tcp.analysis.ack_rtt", "rtt"),
        "time",
        ("rtt",),
        "Analysis",
        "time from the segment that this ACK is for to the ACK",
        "rtt > 100ms",
    ),
    FilterField(
        ("checksum.bad",),
        "flag",
        ("bad",),
        "Analysis",
        "a checksum does not fit what was captured",
        "",
        0,
    ),
    FilterField(
        ("resent",),
        "flag",
        ("again",),
        "Analysis",
        "its sender has sent it before (the table `resent`, at the sender's own capture)",
        "resent",
        0,
    ),
    FilterField(
        ("fate",),
        "fate",
        ("fate",),
        "On the way",
        "lost, duplicated, overtaken or changed; alone: any of these",
        "fate == lost",
    ),
    FilterField(("lost",), "flag", ("fate",), "On the way", "it never arrived", "", 0),
    FilterField(
        ("other",),
        "number",
        ("other",),
        "On the way",
        "its frame number in the other end's capture",
    ),
    FilterField(
        ("delay",), "time", ("delay",), "On the way", "how long it took, one way", "delay > 50ms"
    ),
    FilterField(
        ("view", "in_view"),
        "flag",
        ("view",),
        "The panels",
        "its time is in the range that the panels show, and follows them",
        "view and tcp.len > 0",
        0,
    ),
)


def described_fields(*, meanings: bool = True) -> list[list[Any]]:
    """Return the fields as the page reads them: names, kind, columns, bit, meaning.

    Without ``meanings``, what single labels mean is left out.
    """
    return [
        [
            list(field.names),
            field.kind,
            list(field.columns),
            field.bit,
            "" if field in _LABELS and not meanings else field.meaning,
        ]
        for field in FIELDS
    ]
