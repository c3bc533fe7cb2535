"""``ss -tinmoeaH`` snapshots to the ``sockets`` table."""

from __future__ import annotations

import polars as pl

from tcpexp.store.frames import conform, empty_frame

_CONGESTION_CONTROL = r"(?:^| )([a-z][a-z0-9_]*) (?:wscale:|rto:|cwnd:)"
_HEAD = r"^(\S+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s*(.*)$"
#: Integer columns: what stands before the number.
_INTEGERS = {
    "cwnd": r"\bcwnd:(\d+)",
    "ssthresh": r"\bssthresh:(\d+)",
    "mss": r"(?:^| )mss:(\d+)",
    "bytes_sent": r"\bbytes_sent:(\d+)",
    "bytes_acked": r"\bbytes_acked:(\d+)",
    "bytes_received": r"\bbytes_received:(\d+)",
    "bytes_retrans": r"\bbytes_retrans:(\d+)",
    "unacked": r"\bunacked:(\d+)",
    "retrans_total": r"(?:^| )retrans:\d+/(\d+)",
    "lost": r"(?:^| )lost:(\d+)",
    "sacked": r"(?:^| )sacked:(\d+)",
    "rcv_space": r"\brcv_space:(\d+)",
}
#: Milliseconds in ss, microseconds in the table.
_MILLISECONDS = {
    "rtt_us": r"(?:^| )rtt:([\d.]+)/",
    "rttvar_us": r"(?:^| )rtt:[\d.]+/([\d.]+)",
    "bbr_min_rtt_us": r"\bmrtt:([\d.]+)",
}
_RATES = {
    "pacing_rate_bps": r"pacing_rate ([\d.]+[KMGT]?)bps",
    "delivery_rate_bps": r"delivery_rate ([\d.]+[KMGT]?)bps",
    "bbr_bw_bps": r"bbr:\(bw:([\d.]+[KMGT]?)bps",
}


def parse_ss(text: str, node: str) -> pl.DataFrame:
    """Parse the blocks of ``raw/ss/<node>.txt``: one row per socket and snapshot, without ``flow``.

    A socket is a line, and with ``-i`` another one below it that begins with white space. Addresses
    lose their brackets, their scope and an IPv4 mapping; an unbound one is ``*``. Port ``*`` is
    null.
    """
    lines = pl.DataFrame({"line": text.split("\n")}).lazy()
    is_time = pl.col("line").str.starts_with("# t_ns=")
    is_head = ~is_time & pl.col("line").str.contains(r"^\S") & pl.col("line").str.contains(_HEAD)
    frame = (
        lines.with_columns(
            t_ns=pl.when(is_time)
            .then(pl.col("line").str.extract(r"t_ns=(-?\d+)").cast(pl.Int64))
            .forward_fill(),
            socket=is_head.cum_sum(),
            is_head=is_head,
            is_time=is_time,
        )
        .filter(~pl.col("is_time") & (pl.col("socket") > 0) & pl.col("t_ns").is_not_null())
        .filter(pl.col("line").str.strip_chars() != "")
        .group_by("socket", maintain_order=True)
        .agg(
            pl.col("t_ns").first(),
            head=pl.col("line").first(),
            below=pl.col("line").filter(~pl.col("is_head")).str.strip_chars().str.join(" "),
        )
        .collect()
    )
    return _columns(frame, node) if frame.height else empty_frame("sockets")


def _columns(frame: pl.DataFrame, node: str) -> pl.DataFrame:
    parts = pl.col("head").str.extract_groups(_HEAD).struct
    frame = frame.with_columns(
        state=parts.field("1").str.to_lowercase(),
        recv_q=parts.field("2").cast(pl.Int64),
        send_q=parts.field("3").cast(pl.Int64),
        local=parts.field("4"),
        peer=parts.field("5"),
        rest=parts.field("6").str.strip_chars(),
    )
    below = pl.col("below").fill_null("")
    timers = pl.col("rest").str.extract(r"timer:\(([^)]*)\)")
    return conform(
        frame.with_columns(
            node=pl.lit(node),
            local_address=_address("local"),
            local_port=_port("local"),
            peer_address=_address("peer"),
            peer_port=_port("peer"),
            timer=timers,
            info=pl.concat_str([pl.col("rest"), below], separator=" ").str.strip_chars(),
            congestion_control=below.str.extract(_CONGESTION_CONTROL),
            rto_ms=below.str.extract(r"(?:^| )rto:([\d.]+)").cast(pl.Float64),
            **{
                name: below.str.extract(pattern).cast(pl.Int64)
                for name, pattern in _INTEGERS.items()
            },
            **{
                name: _microseconds(below.str.extract(pattern))
                for name, pattern in _MILLISECONDS.items()
            },
            **{name: _bits(below.str.extract(pattern)) for name, pattern in _RATES.items()},
        ),
        "sockets",
    )


def _address(column: str) -> pl.Expr:
    text = pl.col(column).str.replace(r":[^:]*$", "").str.replace_all(r"[\[\]]", "")
    return text.str.replace(r"%.*$", "").str.replace(r"(?i)^::ffff:(\d+\.)", "${1}")


def _port(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r":(\d+)$").cast(pl.Int64)


def _microseconds(milliseconds: pl.Expr) -> pl.Expr:
    return (milliseconds.cast(pl.Float64) * 1000).round().cast(pl.Int64)


def _bits(text: pl.Expr) -> pl.Expr:
    """``9589400`` (ss -n) or ``9.59M`` to bit/s."""
    scale = text.str.extract(r"([KMGT])$").replace_strict(
        {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}, default=None, return_dtype=pl.Float64
    )
    return text.str.extract(r"^([\d.]+)").cast(pl.Float64) * scale.fill_null(1.0)
