"""The kernel's TCP tracepoints to the tables ``tcp_probe``, ``states``, ``retransmits`` and
``ca_states``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tcpexp.errors import DataError
from tcpexp.ingest.trace import (
    EventFormat,
    RawEvents,
    gather,
    gather_texts,
    ipv4_text,
    parse_format,
    parse_header_page,
    parse_pages,
)
from tcpexp.ingest.variables import OwnRecords, parse_units
from tcpexp.store.frames import conform, empty_frame

#: The kernel's numbers for TCP states (include/net/tcp_states.h) as RFC 9293 section 3.3.2 spells
#: them. TCP_NEW_SYN_RECV (12) is the kernel's second form of SYN-RECEIVED: a request that has no
#: socket of its own yet.
STATES: dict[int, str] = {
    1: "ESTABLISHED",
    2: "SYN-SENT",
    3: "SYN-RECEIVED",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "CLOSED",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECEIVED",
}
#: enum tcp_ca_state (include/uapi/linux/tcp.h).
CA_STATES: dict[int, str] = {0: "Open", 1: "Disorder", 2: "CWR", 3: "Recovery", 4: "Loss"}

TABLE_OF = {
    "tcp_probe": "tcp_probe",
    "inet_sock_set_state": "states",
    "tcp_retransmit_skb": "retransmits",
    "tcp_cong_state_set": "ca_states",
}
#: The kernel's own tracepoints, as the files of their formats are called.
KERNELS = (
    "tcp.tcp_probe",
    "sock.inet_sock_set_state",
    "tcp.tcp_retransmit_skb",
    "tcp.tcp_cong_state_set",
    "sched.sched_process_fork",
    "ftrace.print",
)
#: What the engine writes into the trace behind each fork of a step's process, before the step's id
#: (tcpexp/engine/trace.py).
MARK = "tcpexp process"
#: TRACE_FLAG_SOFTIRQ in a record's ``common_flags`` (include/linux/trace_events.h).
SOFTIRQ_FLAG = 0x10
_AF_INET, _AF_INET6 = 2, 10
_IPPROTO_TCP = 6


#: Besides a table's own columns: the record's place among all of the trace, the socket's address in
#: the kernel and the task in whose context it was written.
EXTRA: dict[str, pl.DataType] = {"order": pl.Int64(), "socket": pl.Int64(), "task": pl.Int64()}
#: One row is one fork: which task made which.
FORKS: dict[str, pl.DataType] = {"order": pl.Int64(), "parent": pl.Int64(), "child": pl.Int64()}
#: One row is one mark that the engine (``task``) wrote behind its fork of a process of ``step``.
MARKS: dict[str, pl.DataType] = {"order": pl.Int64(), "task": pl.Int64(), "step": pl.String()}


@dataclass
class Trace:
    """What a trace folder held: the tables by name (without ``node`` and ``flow``, with
    :data:`EXTRA`), and how many pages had lost events before them.
    """

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    lost_pages: int = 0
    events: int = 0
    forks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FORKS))
    marks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MARKS))
    #: what tracepoints of modules of the spec's own recorded
    own: tuple[OwnRecords, ...] = ()


def read_trace(folder: Path, t0_monotonic_ns: int) -> Trace:
    """Read ``raw/trace``; an absent folder gives an empty ``Trace``.

    Raises ``DataError`` naming the file when a buffer or a format is damaged.
    """
    paths = sorted(folder.glob("trace_raw.*"))
    texts = {path: _read_format(path) for path in sorted((folder / "formats").glob("*.format"))}
    formats = {kind.name: kind for path, kind in texts.items() if path.stem in KERNELS}
    header = folder / "header_page"
    page = parse_header_page(header.read_text() if header.is_file() else "")
    buffers = [_read_buffer(path, page) for path in paths]
    if not buffers:
        return Trace()
    records = _Records(buffers, t0_monotonic_ns)
    tables = {
        TABLE_OF[name]: _made(name, records.of(kind))
        for name, kind in formats.items()
        if name in MAKERS
    }
    forks = (
        _forks(records.of(formats["sched_process_fork"]))
        if "sched_process_fork" in formats
        else pl.DataFrame(schema=FORKS)
    )
    marks = records.marks(formats["print"]) if "print" in formats else pl.DataFrame(schema=MARKS)
    return Trace(
        tables,
        sum(buffer.lost_pages for buffer in buffers),
        sum(buffer.t_ns.size for buffer in buffers),
        forks,
        marks,
        tuple(
            OwnRecords(kind, records.of(kind), parse_units(path.read_text()))
            for path, kind in texts.items()
            if path.stem not in KERNELS
        ),
    )


def _read_buffer(path: Path, page: tuple[int, int]) -> RawEvents:
    try:
        return parse_pages(path.read_bytes(), *page)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", hint=error.hint) from None


def _made(name: str, columns: dict[str, NDArray[np.generic]]) -> pl.DataFrame:
    """Return the table of one tracepoint."""
    if columns["t_ns"].size:
        return MAKERS[name](columns)
    return empty_frame(TABLE_OF[name]).with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in EXTRA.items()
    )


class _Records:
    """The records of all processors' buffers in one order: by time, those of one moment and one
    processor as they were written.
    """

    def __init__(self, buffers: list[RawEvents], t0_monotonic_ns: int) -> None:
        self.buffers = buffers
        self.t0 = t0_monotonic_ns
        times = np.concatenate([buffer.t_ns for buffer in buffers])
        ranks = np.empty(times.size, dtype=np.int64)
        ranks[np.argsort(times, kind="stable")] = np.arange(times.size)
        self.ranks = np.split(ranks, np.cumsum([buffer.t_ns.size for buffer in buffers])[:-1])

    def of(self, kind: EventFormat) -> dict[str, NDArray[np.generic]]:
        """Return the fields of one tracepoint's records as columns, with ``t_ns`` from t0 and
        ``order``, in that order.
        """
        parts = [
            {**columns, "order": ranks[columns["record"].astype(np.int64)]}
            for columns, ranks in zip(self._gathered(kind), self.ranks, strict=True)
        ]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        chosen = np.argsort(columns["order"], kind="stable")
        columns = {name: values[chosen] for name, values in columns.items()}
        columns["t_ns"] = columns["t_ns"].astype(np.int64) - self.t0
        return columns

    def _gathered(self, kind: EventFormat) -> list[dict[str, NDArray[np.generic]]]:
        return [gather(buffer, kind) for buffer in self.buffers]

    def marks(self, kind: EventFormat) -> pl.DataFrame:
        """Return the engine's marks among the texts that were written into the trace."""
        rows = []
        for events, ranks in zip(self.buffers, self.ranks, strict=True):
            columns = gather(events, kind)
            for record, task, text in zip(
                columns["record"].tolist(),
                columns["common_pid"].tolist(),
                gather_texts(events, kind, "buf"),
                strict=True,
            ):
                if text.startswith(f"{MARK} "):
                    rows.append(
                        {
                            "order": int(ranks[record]),
                            "task": task,
                            "step": text.removeprefix(f"{MARK} "),
                        }
                    )
        return pl.DataFrame(rows, schema=MARKS).sort("order")


def _read_format(path: Path) -> EventFormat:
    try:
        return parse_format(path.read_text())
    except DataError as error:
        raise DataError(f"{path}: {error.message}") from None


Columns = Mapping[str, NDArray[np.generic]]


def _forks(columns: Columns) -> pl.DataFrame:
    """Forks of processes and of threads (include/trace/events/sched.h): the numbers are those of
    tasks, as the other records' ``common_pid`` is.
    """
    return pl.DataFrame(
        {"order": columns["order"], "parent": columns["parent_pid"], "child": columns["child_pid"]},
        schema=FORKS,
    )


def _with_extra(frame: pl.DataFrame, columns: Columns, name: str) -> pl.DataFrame:
    """Return ``frame``, whose rows are those of ``columns``, as the table ``name`` and with
    :data:`EXTRA`; a kernel may not tell the socket.
    """
    count = columns["t_ns"].size
    known = {
        "order": columns["order"],
        "socket": columns.get("skaddr"),
        "task": columns["common_pid"],
    }
    extra = [
        pl.Series(name, values if values is not None else [None] * count, dtype=EXTRA[name])
        for name, values in known.items()
    ]
    # rows are in the order of time already, which is the tables' own
    return conform(frame, name).with_columns(extra)


def _tcp_probe(columns: Columns) -> pl.DataFrame:
    names = {
        "data_len": "data_len",
        "snd_nxt": "snd_nxt",
        "snd_una": "snd_una",
        "snd_cwnd": "cwnd",
        "ssthresh": "ssthresh",
    }
    names |= {
        "snd_wnd": "snd_wnd",
        "srtt": "srtt_us",
        "rcv_wnd": "rcv_wnd",
        "sock_cookie": "sock_cookie",
        "t_ns": "t_ns",
    }
    frame = {ours: columns[theirs] for theirs, ours in names.items() if theirs in columns}
    frame |= {"src_port": columns["sport"], "dst_port": columns["dport"]}
    series = {"src": _sockaddr_text(columns["saddr"]), "dst": _sockaddr_text(columns["daddr"])}
    return _with_extra(pl.DataFrame(frame).with_columns(**series), columns, "tcp_probe")


def _states(columns: Columns) -> pl.DataFrame:
    """The ``states`` table.

    Ports and addresses that a socket does not have yet are 0 (see :mod:`tcpexp.ingest.lifetimes`).
    """
    frame = pl.DataFrame(
        {
            "t_ns": columns["t_ns"],
            "old": columns["oldstate"],
            "new": columns["newstate"],
            "softirq": (
                (columns["common_flags"].astype(np.int64) & SOFTIRQ_FLAG) != 0
                if "common_flags" in columns
                else None
            ),
            "local_port": columns["sport"],
            "peer_port": columns["dport"],
            "protocol": columns.get("protocol", np.full(columns["t_ns"].size, _IPPROTO_TCP)),
        }
    ).with_columns(
        local_address=_address_text(columns, "saddr"), peer_address=_address_text(columns, "daddr")
    )
    named = frame.with_columns(
        old_state=pl.col("old").replace_strict(STATES, default=None, return_dtype=pl.String),
        new_state=pl.col("new").replace_strict(STATES, default=None, return_dtype=pl.String),
    )
    return _with_extra(named, columns, "states").filter(frame["protocol"] == _IPPROTO_TCP)


def _retransmits(columns: Columns) -> pl.DataFrame:
    """The ``retransmits`` table.

    Newer kernels also report attempts that failed, with their ``err``: these sent nothing and are
    left out.
    """
    state = pl.col("state").replace_strict(STATES, default=None, return_dtype=pl.String)
    frame = _four_tuple(columns).with_columns(state=pl.Series(columns["state"].astype(np.int64)))
    made = _with_extra(frame.with_columns(state=state), columns, "retransmits")
    return (
        made.filter(pl.Series(columns["err"].astype(np.int64) == 0)) if "err" in columns else made
    )


def _ca_states(columns: Columns) -> pl.DataFrame:
    number = pl.Series("ca", columns["cong_state"].astype(np.int64))
    state = pl.col("ca").replace_strict(CA_STATES, default=None, return_dtype=pl.String)
    return _with_extra(
        _four_tuple(columns).with_columns(number).with_columns(ca_state=state), columns, "ca_states"
    )


def _four_tuple(columns: Columns) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"t_ns": columns["t_ns"], "src_port": columns["sport"], "dst_port": columns["dport"]}
    )
    return frame.with_columns(
        src=_address_text(columns, "saddr"), dst=_address_text(columns, "daddr")
    )


def _address_text(columns: Columns, name: str) -> pl.Series:
    """IPv4 addresses of ``name``.

    Where they are 0.0.0.0 or the family is IPv6, those of ``name_v6``, mapped ones unmapped.
    """
    text = ipv4_text(columns[name])
    six = columns.get(f"{name}_v6")
    if six is None or not six.any():
        return text
    family = columns.get("family")
    is_six = family == _AF_INET6 if family is not None else ~columns[name].any(axis=1)
    other = _texts_v6(six)
    return pl.select(
        pl.when(pl.Series(is_six & six.any(axis=1))).then(other).otherwise(text)
    ).to_series()


def _texts_v6(rows: NDArray[np.generic]) -> pl.Series:
    """Return the address in each row of 16 octets as text.

    Each that occurs is made into text once, since a run has few.
    """
    # S16 drops zeros at the end, which make up the length
    octets = np.ascontiguousarray(rows, dtype=np.uint8).view("S16").ravel()
    distinct, which = np.unique(octets, return_inverse=True)
    words = pl.Series(
        [ipv6_text(bytes(address).ljust(16, b"\0")) for address in distinct], dtype=pl.String
    )
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
    return pl.select(
        pl.when(pl.Series(six)).then(_texts_v6(raw[:, 8:24])).otherwise(text)
    ).to_series()


#: How the records of each tracepoint become a table.
MAKERS = {
    "tcp_probe": _tcp_probe,
    "inet_sock_set_state": _states,
    "tcp_retransmit_skb": _retransmits,
    "tcp_cong_state_set": _ca_states,
}
