"""The chapters of the experiments that come with tcpexp, in the order in which they are read.

An experiment is in the chapter whose folder it lies in, ``experiments/<folder>/``; nothing else
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tcpexp import paths


@dataclass(frozen=True)
class Chapter:
    """A chapter: its folder below ``experiments/``, its title, a sentence on what it is about."""

    folder: str
    title: str
    about: str


CHAPTERS = (
    Chapter(
        "connection",
        "Connections",
        "How a connection begins and ends, which states it passes, and what happens when nobody"
        " answers.",
    ),
    Chapter(
        "segments",
        "Segments",
        "How TCP repairs segments that are lost, late, damaged or too large, and when it"
        " acknowledges them.",
    ),
    Chapter(
        "flow-control",
        "Flow control",
        "How a receiver holds a sender back, and what a program sees of a stream of bytes.",
    ),
    Chapter(
        "congestion",
        "Congestion control",
        "How senders find and share the rate of a path, and what its queue does to their packets.",
    ),
    Chapter(
        "queues",
        "Queues",
        "How the queue in front of a link decides who waits, who is dropped, who is marked and who"
        " goes first.",
    ),
    Chapter(
        "attacks",
        "Attacks",
        "What forged, half-open and idle connections cost a server, and what defends it.",
    ),
    Chapter(
        "user-space",
        "A TCP in user space",
        "The TCP that comes with tcpexp, to the byte, alone and beside the kernel's.",
    ),
)


def chapter_of(spec: Path) -> Chapter | None:
    """Return the chapter of a shipped experiment, or None for any other file."""
    if spec.parent.parent != paths.experiments_dir():
        return None
    return next((chapter for chapter in CHAPTERS if chapter.folder == spec.parent.name), None)


def specs_of(chapter: Chapter) -> list[Path]:
    """Return the experiments of a chapter, sorted by name."""
    return [path for path in paths.shipped_specs() if path.parent.name == chapter.folder]
