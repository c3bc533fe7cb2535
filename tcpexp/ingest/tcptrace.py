"""The kernel's TCP tracepoints to the tables ``tcp_probe``, ``states``, ``retransmits`` and ``ca_states``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tcpexp.errors import DataError
from tcpexp.ingest.trace import EventFormat, RawEvents, gather, ipv4_text, parse_format, parse_header_page, parse_pages
from tcpexp.store.frames import conform, empty_frame

#: The kernel's numbers for TCP states (include/net/tcp_states.h) as RFC 9293 section 3.3.2 spells them.
#: TCP_NEW_SYN_RECV (12) is the kernel's second form of SYN-RECEIVED: a request that has no socket of its own yet.
STATES: dict[int, str] = {
    1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
    7: "CLOSED", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECEIVED",
}  # fmt: skip
#: enum tcp_ca_state (include/uapi/linux/tcp.h).
CA_STATES: dict[int, str] = {0: "Open", 1: "Disorder", 2: "CWR", 3: "Recovery", 4: "Loss"}

TABLE_OF = {
    "tcp_probe": "tcp_probe",
    "inet_sock_set_state": "states",
    "tcp_retransmit_skb": "retransmits",
    "tcp_cong_state_set": "ca_states",
}
#: TRACE_FLAG_SOFTIRQ in a record's ``common_flags`` (include/linux/trace_events.h).
SOFTIRQ_FLAG = 0x10
_AF_INET, _AF_INET6 = 2, 10
_IPPROTO_TCP = 6


@dataclass
class Trace:
    """What a trace folder held: the tables by name (without ``node`` and ``flow``), and how many pages had lost events before them."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    lost_pages: int = 0
    events: int = 0


def read_trace(folder: Path, t0_monotonic_ns: int) -> Trace:
    """Read ``raw/trace``; an absent folder gives an empty ``Trace``.

    Raises ``DataError`` naming the file when a buffer or a format is damaged.
    """
    buffers = sorted(folder.glob("trace_raw.*"))
    formats = [_read_format(path) for path in sorted((folder / "formats").glob("*.format"))]
    header = folder / "header_page"
    page = parse_header_page(header.read_text() if header.is_file() else "")
    result = Trace()
    parts: dict[str, list[pl.DataFrame]] = {}
    for path in buffers:
        try:
            events = parse_pages(path.read_bytes(), *page)
        except DataError as error:
            raise DataError(f"{path}: {error.message}", hint=error.hint) from None
        result.lost_pages += events.lost_pages
        result.events += events.t_ns.size
        for name, frame in tables_of(events, formats, t0_monotonic_ns).items():
            parts.setdefault(name, []).append(frame)
    result.tables = {name: pl.concat(frames).sort("t_ns", maintain_order=True) for name, frames in parts.items()}
    return result


def _read_format(path: Path) -> EventFormat:
    try:
        return parse_format(path.read_text())
    except DataError as error:
        raise DataError(f"{path}: {error.message}") from None


def tables_of(events: RawEvents, formats: list[EventFormat], t0_monotonic_ns: int) -> dict[str, pl.DataFrame]:
    """Return a frame per table for the tracepoints that ``formats`` describe; others in the buffer are ignored."""
    makers = {"tcp_probe": _tcp_probe, "inet_sock_set_state": _states, "tcp_retransmit_skb": _retransmits}
    makers["tcp_cong_state_set"] = _ca_states
    found = {}
    for kind in formats:
        if kind.name in makers:
            columns = gather(events, kind)
            columns["t_ns"] = columns["t_ns"].astype(np.int64) - t0_monotonic_ns
            table = TABLE_OF[kind.name]
            found[table] = makers[kind.name](columns) if columns["t_ns"].size else empty_frame(table)
    return found


Columns = Mapping[str, NDArray[np.generic]]


def _tcp_probe(columns: Columns) -> pl.DataFrame:
    names = {"data_len": "data_len", "snd_nxt": "snd_nxt", "snd_una": "snd_una", "snd_cwnd": "cwnd", "ssthresh": "ssthresh"}
    names |= {"snd_wnd": "snd_wnd", "srtt": "srtt_us", "rcv_wnd": "rcv_wnd", "sock_cookie": "sock_cookie", "t_ns": "t_ns"}
    frame = {ours: columns[theirs] for theirs, ours in names.items() if theirs in columns}
    frame |= {"src_port": columns["sport"], "dst_port": columns["dport"]}
    series = {"src": _sockaddr_text(columns["saddr"]), "dst": _sockaddr_text(columns["daddr"])}
    return conform(pl.DataFrame(frame).with_columns(**series), "tcp_probe")


def _states(columns: Columns) -> pl.DataFrame:
    """The ``states`` table. A socket that has no port or address yet gets those of its own next event."""
    frame = pl.DataFrame(
        {
            "t_ns": columns["t_ns"],
            "old": columns["oldstate"],
            "new": columns["newstate"],
            "socket": columns["skaddr"],
            "softirq": (columns["common_flags"].astype(np.int64) & SOFTIRQ_FLAG) != 0 if "common_flags" in columns else None,
            "local_port": columns["sport"],
            "peer_port": columns["dport"],
            "protocol": columns.get("protocol", np.full(columns["t_ns"].size, _IPPROTO_TCP)),
        }
    ).with_columns(local_address=_address_text(columns, "saddr"), peer_address=_address_text(columns, "daddr"))
    frame = frame.filter(pl.col("protocol") == _IPPROTO_TCP)
    # connect() enters SYN-SENT before it has chosen its port, and a listener's child SYN-RECEIVED before it has its addresses.
    unknown = ((pl.col("new") == 2) & (pl.col("local_port") == 0)) | ((pl.col("old") == 10) & (pl.col("new") == 3))
    later = {
        name: pl.when(unknown).then(pl.col(name).shift(-1).over("socket")).otherwise(pl.col(name))
        for name in ("local_port", "peer_port", "local_address", "peer_address")
    }
    frame = frame.with_columns(**{name: pl.coalesce(value, pl.col(name)) for name, value in later.items()})
    return conform(
        frame.with_columns(
            old_state=pl.col("old").replace_strict(STATES, default=None, return_dtype=pl.String),
            new_state=pl.col("new").replace_strict(STATES, default=None, return_dtype=pl.String),
        ),
        "states",
    )


def _retransmits(columns: Columns) -> pl.DataFrame:
    """The ``retransmits`` table. Newer kernels also report attempts that failed, with their ``err``: these sent nothing and are left out."""
    state = pl.col("state").replace_strict(STATES, default=None, return_dtype=pl.String)
    frame = _four_tuple(columns).with_columns(state=pl.Series(columns["state"].astype(np.int64)))
    if "err" in columns:
        frame = frame.filter(pl.Series(columns["err"].astype(np.int64) == 0))
    return conform(frame.with_columns(state=state), "retransmits")


def _ca_states(columns: Columns) -> pl.DataFrame:
    number = pl.Series("ca", columns["cong_state"].astype(np.int64))
    state = pl.col("ca").replace_strict(CA_STATES, default=None, return_dtype=pl.String)
    return conform(_four_tuple(columns).with_columns(number).with_columns(ca_state=state), "ca_states")


def _four_tuple(columns: Columns) -> pl.DataFrame:
    frame = pl.DataFrame({"t_ns": columns["t_ns"], "src_port": columns["sport"], "dst_port": columns["dport"]})
    return frame.with_columns(src=_address_text(columns, "saddr"), dst=_address_text(columns, "daddr"))


def _address_text(columns: Columns, name: str) -> pl.Series:
    """IPv4 addresses of ``name``; where they are 0.0.0.0 or the family is IPv6, those of ``name_v6``, mapped ones unmapped."""
    text = ipv4_text(columns[name])
    six = columns.get(f"{name}_v6")
    if six is None or not six.any():
        return text
    family = columns.get("family")
    is_six = family == _AF_INET6 if family is not None else ~columns[name].any(axis=1)
    other = _texts_v6(six)
    return pl.select(pl.when(pl.Series(is_six & six.any(axis=1))).then(other).otherwise(text)).to_series()


def _texts_v6(rows: NDArray[np.generic]) -> pl.Series:
    """Return the address in each row of 16 octets as text; each that occurs is made into text once, since a run has few."""
    octets = np.ascontiguousarray(rows, dtype=np.uint8).view("S16").ravel()  # S16 drops zeros at the end, which make up the length
    distinct, which = np.unique(octets, return_inverse=True)
    words = pl.Series([ipv6_text(bytes(each).ljust(16, b"\0")) for each in distinct], dtype=pl.String)
    return words.gather(which)


def ipv6_text(octets: bytes) -> str:
    """Return an IPv6 address as text, an IPv4 address that is mapped into one as IPv4."""
    address = ipaddress.IPv6Address(octets)
    return str(address.ipv4_mapped or address)


def _sockaddr_text(raw: NDArray[np.generic]) -> pl.Series:
    """Addresses of a matrix of ``struct sockaddr_in`` or ``sockaddr_in6`` per row."""
    text = ipv4_text(raw[:, 4:8])
    family = raw[:, 0].astype(np.int64) | raw[:, 1].astype(np.int64) << 8
    six = family == _AF_INET6
    if not six.any():
        return text
    return pl.select(pl.when(pl.Series(six)).then(_texts_v6(raw[:, 8:24])).otherwise(text)).to_series()
