"""What is said of a capture, as a text that somebody reviews."""

from __future__ import annotations

from pathlib import Path

from tcpexp.diagnosis.describe import Description, describe
from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.explain.tables import name_packets
from tcpexp.ingest.foreign import read_foreign
from tcpexp.record.tables.diagnosis import SUMMARY

#: Of the summary what names a direction is its heading, and times of the capture stand for nothing.
_LEFT_OUT = {"connection", "sender", "capture", "src", "src_port", "dst", "dst_port",
             "first_ns", "last_ns"}  # fmt: skip


def described(capture: Path) -> str:
    """Return all findings and counts of a capture as text."""
    foreign = read_foreign([capture])
    named = name_packets(foreign.packets)
    return text_of(describe(named.packets, named.connections, foreign.notes))


def text_of(description: Description) -> str:
    """Return findings and counts as lines; counts of 0 and those that are not known left out."""
    lines = [_finding_line(finding) for finding in description.findings]
    for row in description.summary.iter_rows(named=True):
        ends = f"{row['src']}:{row['src_port']} > {row['dst']}:{row['dst_port']}"
        lines.append(f"\n{row['connection']} {row['sender']} {ends}")
        counts = [
            f"{column.name}={row[column.name]}"
            for column in SUMMARY.columns
            if column.name not in _LEFT_OUT and row[column.name] not in (None, 0, False)
        ]
        lines.append("  " + " ".join(counts))
    return "\n".join(lines) + "\n"


def _finding_line(finding: Finding) -> str:
    where = f"{finding.connection or '-'} {finding.kind} ({finding.sure})"
    shown = packets_text(finding.packets)
    source = f" [{finding.source}]" if finding.source else ""
    return f"{where}: {finding.sentence} {{{shown}}}{source}"
