"""What Wireshark's dissector complains about: malformed packets, wrong checksums and warnings of
its experts, from a second pass of tshark over the captures.

It is made only for a run that asks (a check ``complaints``): a pass costs about as much as reading
the capture does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.tshark import PREFERENCES, tshark_environment
from tcpexp.store.frames import conform, empty_frame

#: tshark's severities of an expert's remark (epan/expert.h) that are more than a note: its number
#: to our word.
LEVELS = {0x00600000: "warning", 0x00800000: "error"}
_FIELDS = ("frame.number", "_ws.expert.severity", "_ws.expert.message")
_BETWEEN = "\x1f"  # no message has it
_PCAP_HEADER_BYTES = 24


def complaints_argv(capture: Path) -> list[str]:
    """Return the command line that prints the packets of ``capture`` on which an expert remarks at
    least a warning, a line per packet.
    """
    argv = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-Y",
        f"_ws.expert.severity >= {min(LEVELS)}",
        "-T",
        "fields",
        "-E",
        f"aggregator={_BETWEEN}",
    ]
    for port in ("tcp.port", "udp.port"):
        # a run's octets are no protocol whose grammar they could break
        argv += ["-d", f"{port}==0-65535,data"]
    for preference in PREFERENCES:
        argv += ["-o", preference]
    for field in _FIELDS:
        argv += ["-e", field]
    return argv


def read_complaints(captures: Sequence[Path], workers: int = 2) -> pl.DataFrame:
    """Return the table ``complaints`` of all captures.

    Raises ``DataError`` when tshark cannot read one.
    """
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        rows = [row for rows in pool.map(_read_one, captures) for row in rows]
    return (
        conform(pl.DataFrame(rows, infer_schema_length=None), "complaints")
        if rows
        else empty_frame("complaints")
    )


def _read_one(capture: Path) -> list[dict[str, Any]]:
    if capture.stat().st_size <= _PCAP_HEADER_BYTES:
        return []
    done = subprocess.run(
        complaints_argv(capture),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=tshark_environment(),
    )
    cut_short = "cut short in the middle of a packet" in done.stderr
    if done.returncode and not cut_short:
        raise DataError(
            f"{capture}: tshark ended with status {done.returncode}:"
            f" {done.stderr.strip().splitlines()[-1:]}"
        )
    return parse_complaints(done.stdout, capture.stem)


def parse_complaints(text: str, capture: str) -> list[dict[str, Any]]:
    """Return a row for each remark that is a warning or worse.

    Notes on the same packet are left out.
    """
    rows = []
    for line in text.splitlines():
        number, severities, messages = line.split("\t")
        for severity, message in zip(
            severities.split(_BETWEEN), messages.split(_BETWEEN), strict=True
        ):
            level = LEVELS.get(int(severity, 0))
            if level is not None:
                rows.append(
                    {"capture": capture, "number": int(number), "level": level, "text": message}
                )
    return rows
