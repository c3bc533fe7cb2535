"""A capture to the ``packets`` table: one run of tshark per file, its text read column-wise by
polars.

Dissection stops at TCP, UDP and ICMP (every port is decoded as plain data): faster, and a label
never depends on a guess at the application. Wireshark's analysis labels come from its
``tcp.analysis.*`` fields.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from tcpexp.errors import DataError, HostError, Missing
from tcpexp.ingest.mptcpoptions import first_number_of, token_of, words_of
from tcpexp.store.frames import conform, empty_frame

#: Wireshark's analysis labels: our word to tshark's field, in the order in which they are listed.
LABELS: dict[str, str] = {
    "retransmission": "tcp.analysis.retransmission",
    "fast_retransmission": "tcp.analysis.fast_retransmission",
    "spurious_retransmission": "tcp.analysis.spurious_retransmission",
    "out_of_order": "tcp.analysis.out_of_order",
    "duplicate_ack": "tcp.analysis.duplicate_ack",
    "lost_segment": "tcp.analysis.lost_segment",
    "ack_lost_segment": "tcp.analysis.ack_lost_segment",
    "zero_window": "tcp.analysis.zero_window",
    "zero_window_probe": "tcp.analysis.zero_window_probe",
    "zero_window_probe_ack": "tcp.analysis.zero_window_probe_ack",
    "window_full": "tcp.analysis.window_full",
    "window_update": "tcp.analysis.window_update",
    "keep_alive": "tcp.analysis.keep_alive",
    "keep_alive_ack": "tcp.analysis.keep_alive_ack",
    "rto": "tcp.analysis.rto",
    "reused_ports": "tcp.analysis.reused_ports",
}

#: Integer columns of ``packets`` that are one tshark field each.
_INTEGERS = {
    "number": "frame.number",
    "frame_bytes": "frame.len",
    "stream": "tcp.stream",
    "seq": "tcp.seq_raw",
    "ack": "tcp.ack_raw",
    "seq_rel": "tcp.seq",
    "ack_rel": "tcp.ack",
    "window": "tcp.window_size_value",
    "window_bytes": "tcp.window_size",
    "mss": "tcp.options.mss_val",
    "wscale": "tcp.options.wscale.shift",
    "ts_val": "tcp.options.timestamp.tsval",
    "ts_ecr": "tcp.options.timestamp.tsecr",
    "in_flight_bytes": "tcp.analysis.bytes_in_flight",
}
#: Fields that need more than a cast.
_OTHERS = (
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ip.id",
    "ip.ttl",
    "ip.dsfield.ecn",
    "ip.checksum.status",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "ipv6.tclass.ecn",
    "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.len",
    "tcp.flags",
    "tcp.checksum.status",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.checksum.status",
    "icmp.type",
    "icmpv6.type",
    "tcp.options.tfo",
    "tcp.options.tfo.cookie",
    "tcp.options.mptcp.subtype",
    "tcp.options.mptcp.sendkey",
    "tcp.options.mptcp.recvtok",
    "tcp.options.mptcp.rawdataseqno",
    "tcp.options.mptcp.subflowseqno",
    "tcp.options.mptcp.datalvllen",
    "tcp.options.mptcp.rawdataack",
    "tcp.options.sack_perm",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "tcp.analysis.ack_rtt",
    "tcp.checksum",
    "udp.checksum",
    "icmpv6.checksum",
    "frame.cap_len",
    "ip.hdr_len",
    "tcp.hdr_len",
)
FIELDS: tuple[str, ...] = (*_INTEGERS.values(), *_OTHERS, *LABELS.values())

PREFERENCES = (
    "tcp.relative_sequence_numbers:TRUE",
    "tcp.analyze_sequence_numbers:TRUE",
    "tcp.track_bytes_in_flight:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.check_checksum:TRUE",
    "ip.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "ip.defragment:FALSE",
    "ip.summary_in_tree:FALSE",
    "ipv6.summary_in_tree:FALSE",
    "tcp.summary_in_tree:FALSE",
    "udp.summary_in_tree:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "udp.calculate_timestamps:FALSE",
)
FLAG_LETTERS = (
    ("S", 0x02),
    ("F", 0x01),
    ("R", 0x04),
    ("P", 0x08),
    ("A", 0x10),
    ("U", 0x20),
    ("E", 0x40),
    ("C", 0x80),
    ("e", 0x100),
)
_PCAP_HEADER_BYTES = 24
_ETHERNET_BYTES, _IPV6_BYTES = 14, 40
#: So much of tshark's text is turned into columns at a time: some 100,000 packets.
_PIECE_BYTES = 1 << 24
#: ICMPv6 types that do what ARP and IGMP do over IPv4: RFC 4861 section 4, RFC 2710 and RFC 3810.
_NEIGHBOUR_DISCOVERY = (133, 137)
_GROUP_MEMBERSHIP = (130, 131, 132, 143)
_BAD = ('"Bad"', "Bad", "0")  # of tshark's checksum status, by name or number as its version has it


def tshark_argv(capture: Path) -> list[str]:
    """Return the command line that prints ``FIELDS`` of every packet of ``capture``, tab separated,
    a line per packet.

    As custom columns of the packet list: for ``-T fields`` tshark would also format a description
    of every item of every packet.
    """
    argv = ["tshark", "-n", "-r", str(capture), "-T", "tabs"]
    for port in ("tcp.port", "udp.port"):
        argv += ["-d", f"{port}==0-65535,data"]
    for preference in PREFERENCES:
        argv += ["-o", preference]
    every, unresolved = "0", "U"
    columns = ",".join(f'"{field}","%Cus:{field}:{every}:{unresolved}"' for field in FIELDS)
    return [*argv, "-o", f"gui.column.format:{columns}"]


def tshark_environment() -> dict[str, str]:
    """Return the environment in which tshark's text does not depend on the user's language and time
    zone.
    """
    return {**os.environ, "LC_ALL": "C", "TZ": "UTC"}


def read_capture(capture: Path, t0_realtime_ns: int) -> pl.DataFrame:
    """Return the packets of one capture: the ``packets`` columns that a capture alone can fill (not
    ``node``, not ``flow``).

    ``t_ns`` counts from ``t0_realtime_ns``. A capture that was cut short gives the packets before
    the cut. Raises ``HostError`` without tshark, ``DataError`` when the capture cannot be read at
    all.
    """
    if capture.stat().st_size <= _PCAP_HEADER_BYTES:
        return empty_frame("packets")
    if shutil.which("tshark") is None:
        missing = Missing("tshark", "reading unusual captures", "apt install tshark")
        raise HostError("tshark is not installed", missing=(missing,), hint="apt install tshark")
    return _dissect(capture, t0_realtime_ns)


def _dissect(capture: Path, t0_realtime_ns: int) -> pl.DataFrame:
    """Run tshark on a capture and read what it prints while it prints it."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            tshark_argv(capture),
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=tshark_environment(),
        ) as process,
    ):
        assert process.stdout is not None
        packets = _parse_lines(process.stdout, capture.stem, t0_realtime_ns)
        status = process.wait()
        errors.seek(0)
        message = errors.read().decode(errors="replace")
    if status != 0 and not re.search(r"cut short|damaged|appears to have been", message):
        raise DataError(f"{capture}: tshark cannot read it: {_last_line(message)}")
    return without_unknown_scale(packets)


def _parse_lines(stream: IO[bytes], capture: str, t0_realtime_ns: int) -> pl.DataFrame:
    """Return the packets of tshark's text, read and turned into columns piece by piece: the text of
    a long capture is never held whole.
    """
    frames = [parse_fields(piece, capture, t0_realtime_ns) for piece in whole_lines(stream)]
    return pl.concat(frames) if frames else empty_frame("packets")


def whole_lines(stream: IO[bytes], size: int = _PIECE_BYTES) -> Iterator[bytes]:
    """Yield what ``stream`` holds in pieces of about ``size`` bytes that end with a line."""
    rest = b""
    while block := stream.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
    if rest:
        yield rest


def parse_fields(text: bytes, capture: str, t0_realtime_ns: int) -> pl.DataFrame:
    """Turn tshark's text (a line per packet, ``FIELDS`` separated by tabs) into ``packets`` rows.

    See :func:`read_capture`.
    """
    if not text:
        return empty_frame("packets")
    raw = pl.read_csv(
        io.BytesIO(text),
        separator="\t",
        quote_char=None,
        has_header=False,
        schema=dict.fromkeys(FIELDS, pl.String),
    )
    # ICMP errors quote the packet that caused them, so a field may occur twice there: the first is
    # the packet's own.
    first = {
        name: pl.col(name).str.split(",").list.first() if _has_lists(raw, name) else pl.col(name)
        for name in FIELDS
    }
    icmpv6 = _integer(first["icmpv6.type"])
    is_icmp = first["icmp.type"].is_not_null() | icmpv6.is_not_null()
    tcp = first["tcp.srcport"].is_not_null() & ~is_icmp
    udp = first["udp.srcport"].is_not_null() & ~is_icmp
    permitted = first["tcp.options.sack_perm"].is_not_null()
    frame_level = ("number", "frame_bytes")
    columns: list[pl.Expr] = [
        (
            _integer(first[field])
            if name in frame_level
            else _only(tcp, _integer(first[field])).alias(name)
        )
        for name, field in _INTEGERS.items()
    ]
    columns = [expression.alias(name) for expression, name in zip(columns, _INTEGERS, strict=True)]
    columns += _addresses(first, tcp, udp, icmpv6)
    columns += [
        (_epoch_ns(first["frame.time_epoch"]) - t0_realtime_ns).alias("t_ns"),
        _hexadecimal(first["ip.id"]).alias("ip_id"),
        _hexadecimal(
            pl.when(tcp)
            .then(first["tcp.checksum"])
            .when(udp)
            .then(first["udp.checksum"])
            .otherwise(first["icmpv6.checksum"])
        ).alias("checksum"),
        _integer(pl.coalesce(first["ip.ttl"], first["ipv6.hlim"])).alias("ttl"),
        _integer(pl.coalesce(first["ip.dsfield.ecn"], first["ipv6.tclass.ecn"])).alias("ecn"),
        _only(tcp, _flags(_hexadecimal(first["tcp.flags"]))).alias("flags"),
        pl.when(tcp)
        .then(_integer(first["tcp.len"]))
        .when(udp)
        .then(_integer(first["udp.length"]) - 8)
        .alias("payload_bytes"),
        _only(tcp & (permitted | ~_options_cut(first)), permitted).alias("sack_permitted"),
        _only(tcp, _options_cut(first)).alias("options_cut"),
        _only(
            tcp, (first["tcp.analysis.ack_rtt"].cast(pl.Float64) * 1e9).round().cast(pl.Int64)
        ).alias("rtt_ns"),
        _checksum_bad(first).alias("checksum_bad"),
        pl.lit(capture).alias("capture"),
    ]
    # the cookie is shown in hexadecimal
    cookie = (first["tcp.options.tfo.cookie"].str.len_chars() // 2).cast(pl.Int64).fill_null(0)
    columns.append(_only(tcp & first["tcp.options.tfo"].is_not_null(), cookie).alias("fast_open"))
    columns += _mptcp(raw, first, tcp)
    return conform(_with_lists(raw.select(*columns, row=pl.int_range(pl.len())), raw), "packets")


def _mptcp(raw: pl.DataFrame, first: dict[str, pl.Expr], tcp: pl.Expr) -> list[pl.Expr]:
    """Return the columns that MPTCP's options fill; nulls where no packet has any."""
    kinds = raw["tcp.options.mptcp.subtype"].drop_nulls().unique().to_list()
    if not kinds:
        return []
    words = {text: words_of(sum({1 << int(one) for one in text.split(",")})) for text in kinds}
    keys = raw["tcp.options.mptcp.sendkey"].drop_nulls().unique().to_list()
    key = first["tcp.options.mptcp.sendkey"]
    tokens = {text: token_of(int(text.split(",")[0])) for text in keys}
    numbers = {text: first_number_of(int(text.split(",")[0])) + 1 for text in keys}
    number = first["tcp.options.mptcp.rawdataseqno"].cast(pl.UInt64, strict=False)
    at = _integer(first["tcp.options.mptcp.subflowseqno"])
    # MP_CAPABLE that maps the first data
    capable = first["tcp.options.mptcp.datalvllen"].is_not_null() & number.is_null()
    begin = pl.when(capable).then(_told(key, numbers)).otherwise(_lower(number))
    rel = _integer(first["tcp.seq"]) - pl.when(capable).then(pl.lit(1)).otherwise(at)
    has = tcp & (_integer(first["tcp.len"]) > 0)
    return [
        _only(tcp, pl.col("tcp.options.mptcp.subtype").replace_strict(words, default=None)).alias(
            "mptcp"
        ),
        _only(
            tcp, pl.coalesce(_told(key, tokens), _integer(first["tcp.options.mptcp.recvtok"]))
        ).alias("mptcp_token"),
        _only(has, (begin + rel) % (1 << 32)).alias("dsn"),
        _only(
            tcp, _lower(first["tcp.options.mptcp.rawdataack"].cast(pl.UInt64, strict=False))
        ).alias("data_ack"),
    ]


def _told(text: pl.Expr, known: dict[str, int]) -> pl.Expr:
    return text.replace_strict(known, default=None, return_dtype=pl.Int64)


def _lower(number: pl.Expr) -> pl.Expr:
    """Return the lower 32 bits of 64."""
    return (number % (1 << 32)).cast(pl.Int64)


def _options_cut(first: dict[str, pl.Expr]) -> pl.Expr:
    """Return whether the capture holds less than the packet's TCP header with its options.

    Behind Ethernet and IPv4, or IPv6 without extensions.
    """
    behind = _ETHERNET_BYTES + _integer(first["ip.hdr_len"]).fill_null(_IPV6_BYTES)
    return (_integer(first["frame.cap_len"]) < behind + _integer(first["tcp.hdr_len"])).fill_null(
        False
    )


def without_unknown_scale(packets: pl.DataFrame) -> pl.DataFrame:
    """Return ``packets`` with ``window_bytes`` null where a SYN of the stream was cut before its
    window scale: then the unit of the window is unknown.
    """
    cut = packets.filter(
        pl.col("options_cut") & pl.col("flags").str.contains("S") & pl.col("wscale").is_null()
    )
    if cut.is_empty():
        return packets
    unknown = pl.col("stream").is_in(cut["stream"].unique().to_list()) & ~pl.col(
        "flags"
    ).str.contains("S")
    return packets.with_columns(
        window_bytes=pl.when(unknown.fill_null(False)).then(None).otherwise(pl.col("window_bytes"))
    )


def _with_lists(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """Add ``labels`` and ``sack_blocks``, made only for the few packets that have any: lists of
    every packet would take half the time.
    """
    fields = [*LABELS.values(), "tcp.options.sack_le"]
    few = raw.with_row_index("row").filter(pl.any_horizontal(pl.col(fields).is_not_null()))
    lists = few.select(pl.col("row").cast(pl.Int64), labels=_labels(), sack_blocks=_sack_blocks())
    joined = frame.join(lists, on="row", how="left", maintain_order="left")
    labels = pl.when(pl.col("protocol") == "tcp").then(
        pl.col("labels").fill_null(pl.lit([], dtype=pl.List(pl.String)))
    )
    return joined.with_columns(
        labels=labels, sack_blocks=_only(pl.col("protocol") == "tcp", pl.col("sack_blocks"))
    )


def _addresses(
    first: dict[str, pl.Expr], tcp: pl.Expr, udp: pl.Expr, icmpv6: pl.Expr
) -> list[pl.Expr]:
    kinds = pl.when(tcp).then(pl.lit("tcp")).when(udp).then(pl.lit("udp"))
    for word, is_one in (
        ("nd", icmpv6.is_between(*_NEIGHBOUR_DISCOVERY)),
        ("mld", icmpv6.is_in(_GROUP_MEMBERSHIP)),
        ("icmp", first["icmp.type"].is_not_null() | icmpv6.is_not_null()),
        ("arp", first["arp.src.proto_ipv4"].is_not_null()),
    ):
        kinds = kinds.when(is_one).then(pl.lit(word))
    return [
        kinds.otherwise(pl.lit("other")).alias("protocol"),
        pl.coalesce(first["ip.src"], first["ipv6.src"], first["arp.src.proto_ipv4"]).alias("src"),
        pl.coalesce(first["ip.dst"], first["ipv6.dst"], first["arp.dst.proto_ipv4"]).alias("dst"),
        _ports(first, tcp, udp, "srcport").alias("src_port"),
        _ports(first, tcp, udp, "dstport").alias("dst_port"),
    ]


def _ports(first: dict[str, pl.Expr], tcp: pl.Expr, udp: pl.Expr, end: str) -> pl.Expr:
    return (
        pl.when(tcp)
        .then(_integer(first[f"tcp.{end}"]))
        .when(udp)
        .then(_integer(first[f"udp.{end}"]))
    )


def _has_lists(raw: pl.DataFrame, name: str) -> bool:
    return bool(raw[name].str.contains(",", literal=True).any())


def _only(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value)


def _integer(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Int64, strict=False)


def _hexadecimal(text: pl.Expr) -> pl.Expr:
    return text.str.strip_prefix("0x").str.to_integer(base=16, strict=False)


def _epoch_ns(text: pl.Expr) -> pl.Expr:
    """``1795228280.954033375`` to integer nanoseconds, without a float on the way."""
    parts = text.str.splitn(".", 2)
    seconds = parts.struct.field("field_0").cast(pl.Int64)
    fraction = (
        parts.struct.field("field_1").fill_null("").str.pad_end(9, "0").str.head(9).cast(pl.Int64)
    )
    return seconds * 1_000_000_000 + fraction


def _flags(bits: pl.Expr) -> pl.Expr:
    letters = [
        pl.when((bits & bit) != 0).then(pl.lit(letter)).otherwise(pl.lit(""))
        for letter, bit in FLAG_LETTERS
    ]
    return pl.concat_str(letters)


def _sack_blocks() -> pl.Expr:
    """Left and right edges, alternating; null without the option."""
    left = pl.col("tcp.options.sack_le").str.split(",")
    right = pl.col("tcp.options.sack_re").str.split(",")
    edges = [edge.list.get(index, null_on_oob=True) for index in range(4) for edge in (left, right)]
    return pl.when(left.is_not_null()).then(
        pl.concat_list(edges).list.drop_nulls().cast(pl.List(pl.Int64), strict=False)
    )


def _checksum_bad(first: dict[str, pl.Expr]) -> pl.Expr:
    """True when a checksum was computed and is wrong.

    A capture that holds only headers cannot tell, and says False.
    """
    fields = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status")
    return pl.any_horizontal([first[field].is_in(_BAD).fill_null(False) for field in fields])


def _labels() -> pl.Expr:
    words = [
        pl.when(pl.col(field).is_not_null()).then(pl.lit(word)) for word, field in LABELS.items()
    ]
    return pl.concat_list(words).list.drop_nulls()


def _last_line(message: str) -> str:
    lines = [
        line for line in message.splitlines() if line.strip() and "Running as user" not in line
    ]
    return lines[-1].strip() if lines else "no message"
