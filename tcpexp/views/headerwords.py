"""What the fields of IP and TCP headers are called in their RFCs, and what each means in a given
packet.
"""

from __future__ import annotations

from tcpexp.ingest.dissect import Field, Header

#: tshark's name to the name in RFC 791, RFC 8200 or RFC 9293 section 3.1, and a sentence for every
#: packet.
WORDS: dict[str, tuple[str, str]] = {
    "ip.version": ("Version", "IPv4"),
    "ip.hdr_len": ("IHL", "length of this header, in words of 4 bytes"),
    "ip.dsfield.dscp": ("DSCP", "class of service that the sender asks routers for (RFC 2474)"),
    "ip.dsfield.ecn": (
        "ECN",
        "whether routers may mark instead of drop, and whether one did (RFC 3168)",
    ),
    "ip.len": ("Total Length", "bytes of this packet: IP header, TCP header and payload"),
    "ip.id": (
        "Identification",
        "joins the fragments of one packet; Linux counts it up for each connection",
    ),
    "ip.flags.rb": ("Reserved flag", "always 0"),
    "ip.flags.df": (
        "DF (Don't Fragment)",
        "routers must not cut it, but report that it is too large: path MTU discovery (RFC 1191)",
    ),
    "ip.flags.mf": ("MF (More Fragments)", "set in every fragment but the last"),
    "ip.frag_offset": ("Fragment Offset", "where this fragment belongs, in units of 8 bytes"),
    "ip.ttl": ("Time to Live", "each router takes 1 off and throws the packet away at 0"),
    "ip.proto": ("Protocol", "what the payload is: 6 is TCP"),
    "ip.checksum": ("Header Checksum", "over the IP header only; each router computes it anew"),
    "ip.src": ("Source Address", "the sender's interface"),
    "ip.dst": ("Destination Address", "the receiver's interface"),
    "ipv6.version": ("Version", "IPv6"),
    "ipv6.tclass.dscp": ("DSCP", "class of service that the sender asks routers for (RFC 2474)"),
    "ipv6.tclass.ecn": (
        "ECN",
        "whether routers may mark instead of drop, and whether one did (RFC 3168)",
    ),
    "ipv6.flow": (
        "Flow Label",
        "the same in all packets of one direction of a connection (RFC 6437)",
    ),
    "ipv6.plen": ("Payload Length", "bytes after this header: TCP header and payload"),
    "ipv6.nxt": ("Next Header", "what follows: 6 is TCP"),
    "ipv6.hlim": ("Hop Limit", "each router takes 1 off and throws the packet away at 0"),
    "ipv6.src": ("Source Address", "the sender's interface"),
    "ipv6.dst": ("Destination Address", "the receiver's interface"),
    "tcp.srcport": ("Source Port", "the sender's end of the connection"),
    "tcp.dstport": ("Destination Port", "the receiver's end of the connection"),
    "tcp.seq_raw": ("Sequence Number", ""),
    "tcp.ack_raw": ("Acknowledgment Number", ""),
    "tcp.hdr_len": (
        "Data Offset",
        "length of this header, in words of 4 bytes; the payload begins behind it",
    ),
    "tcp.flags.res": ("Reserved", "always 0"),
    "tcp.flags.ae": ("AE", "accurate ECN; reserved in RFC 9293"),
    "tcp.flags.cwr": (
        "CWR",
        "congestion window reduced: I have seen your ECE (in a SYN: I know ECN)",
    ),
    "tcp.flags.ece": (
        "ECE",
        "a packet of yours arrived with a congestion mark (in a SYN: I know ECN)",
    ),
    "tcp.flags.urg": ("URG", "the urgent pointer counts"),
    "tcp.flags.ack": (
        "ACK",
        "the acknowledgment number counts; set in every segment but the first SYN",
    ),
    "tcp.flags.push": ("PSH", "give what you have to the application"),
    "tcp.flags.reset": ("RST", "this connection does not exist, or is ended at once"),
    "tcp.flags.syn": ("SYN", "here my sequence numbers begin; uses up one number"),
    "tcp.flags.fin": ("FIN", "I have no more data to send; uses up one number"),
    "tcp.window_size_value": ("Window", ""),
    "tcp.checksum": (
        "Checksum",
        "over addresses, header and payload; the receiver drops a segment where it does not fit",
    ),
    "tcp.urgent_pointer": ("Urgent Pointer", "end of urgent data; counts with URG only"),
    "tcp.options.mss": (
        "Option 2: Maximum Segment Size",
        (
            "largest payload that I take in one segment; in SYNs only, and no agreement: each end"
            " says its own"
        ),
    ),
    "tcp.options.sack_perm": (
        "Option 4: SACK Permitted",
        "you may tell me which segments behind a gap have arrived (RFC 2018); SYNs only",
    ),
    "tcp.options.timestamp": (
        "Option 8: Timestamps",
        (
            "TSval: my clock. TSecr: yours, as I last saw it; the difference is a round-trip time"
            " (RFC 7323)"
        ),
    ),
    "tcp.options.nop": (
        "Option 1: No-Operation",
        "fills up, so that the next option begins at a multiple of 4 bytes",
    ),
    "tcp.options.wscale": (
        "Option 3: Window Scale",
        (
            "multiply my windows by this; in force when both SYNs carry it, never for a SYN's own"
            " window (RFC 7323)"
        ),
    ),
    "tcp.options.sack": (
        "Option 5: SACK",
        "blocks that arrived behind a gap: left edge, right edge (RFC 2018)",
    ),
    "tcp.options.eol": ("Option 0: End of Option List", "the rest of the header is padding"),
}
#: What tshark adds to the bytes (made-up fields, sums of flags, containers), and rows that others
#: speak for.
LEFT_OUT = {
    "ip.dsfield",
    "ip.flags",
    "ip.checksum_calculated",
    "ipv6.tclass",
    "tcp.seq",
    "tcp.ack",
    "tcp.flags",
    "tcp.flags.str",
    "tcp.window_size",
    "tcp.window_size_scalefactor",
    "tcp.checksum_calculated",
    "tcp.options",
    "tcp.payload",
    "tcp.segment_data",
}
OPTION = "tcp.options."


def shown_fields(header: Header) -> list[Field]:
    """Return the fields that stand in the header's bytes, each bit once, one per option."""
    fields: list[Field] = []
    option_end = -1
    for field in header.fields:
        if (
            field.name in LEFT_OUT
            or field.last_bit >= 8 * header.size_bytes
            or field.first_bit < option_end
        ):
            continue
        if field.first_bit >= 160 and header.protocol == "tcp":
            option_end = field.first_bit + field.bits
        fields.append(field)
    return fields


def field_name(field: Field) -> str:
    """Return the RFC's name, or tshark's for a field that is not in ``WORDS``."""
    known = WORDS.get(field.name)
    return known[0] if known else field.label.removeprefix("TCP Option - ")


def field_value(field: Field, header: Header) -> str:
    """Return the value as a person writes it."""
    if field.name.startswith("tcp.flags.") or field.name in (
        "ip.flags.df",
        "ip.flags.mf",
        "ip.flags.rb",
    ):
        return f"{field.value.lower()} ({field.wire.replace(' ', '').strip('.')})"
    if field.name in ("ip.hdr_len", "tcp.hdr_len"):
        return f"{header.size_bytes // 4} ({header.size_bytes} bytes)"
    return field.value.split("    (")[0]


def field_meaning(field: Field, header: Header) -> str:
    """Return what the field says in this packet."""
    general = WORDS.get(field.name, ("", ""))[1]
    flags = {
        name for name in ("syn", "ack", "fin") if header.show(f"tcp.flags.{name}") in ("1", "True")
    }
    if field.name == "tcp.seq_raw":
        return _sequence(int(field.show), int(header.show("tcp.seq") or 0), flags)
    if field.name == "tcp.ack_raw":
        if "ack" not in flags:
            return "without ACK it means nothing"
        return (
            f"relative {int(header.show('tcp.ack') or 0):,}: all bytes before this one have"
            " arrived, this one is expected next"
        )
    if field.name == "tcp.window_size_value":
        return _window(int(field.show), header, "syn" in flags)
    return general


def _sequence(raw: int, relative: int, flags: set[str]) -> str:
    start = (raw - relative) % 2**32
    if "syn" in flags:
        return (
            "relative 0: the initial sequence number itself, chosen so that nobody can guess it"
            " (RFC 6528)"
        )
    words = (
        "the FIN's number"
        if "fin" in flags
        else "number of the first byte of the payload (of the next one, when there is no payload)"
    )
    return f"relative {relative:,} = {raw} - {start}, the initial one: {words}"


def _window(value: int, header: Header, syn: bool) -> str:
    scaled = int(header.show("tcp.window_size") or value)
    room = "room in the receive buffer, counted from the acknowledgment number"
    if syn:
        return f"{value:,} bytes: {room}; in a SYN it is never scaled"
    factor = (
        f"x {scaled // value} = {scaled:,} bytes"
        if value and scaled != value
        else f"{scaled:,} bytes"
    )
    return f"{factor}: {room}" + ("; the sender must stop" if scaled == 0 else "")
