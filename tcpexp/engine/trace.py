"""The kernel's tracepoints in a tracefs instance of our own, as raw ring-buffer pages.

Pages are copied as they are (``trace_pipe_raw``); ingest decodes them with the event formats saved
beside them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

from tcpexp.engine import namespaces
from tcpexp.record.files import TRACE_SUMMARY
from tcpexp.record.summary import TraceSummary

TRACEFS = Path("/sys/kernel/tracing")
#: Where the openings of sockets are recorded, so are the forks of processes: together they say
#: which step opened a connection (docs/reference/data.md).
OPENINGS, FORKS = "sock:inet_sock_set_state", "sched:sched_process_fork"
#: What the engine writes into the trace right behind the fork of a step's process, and the
#: tracepoint as which the kernel records it.
MARK, MARKS = "tcpexp process", "ftrace:print"
BUFFER_TOTAL_KIB = 65_536
BUFFER_LEAST_KIB, BUFFER_MOST_KIB = 2_048, 8_192


class Trace:
    """One tracefs instance from :meth:`start` to :meth:`close`.

    A kernel without tracepoints is no failure; see ``missing``.

    ``name`` None: the kernel is this run's alone, and its own buffers do (an instance is ten
    thousand files to make).
    """

    def __init__(
        self, raw_dir: Path, name: str | None, events: list[str], tracefs: Path = TRACEFS
    ) -> None:
        self.folder = raw_dir / "trace"
        self.wanted = [*events, FORKS] if OPENINGS in events and FORKS not in events else events
        self.events: list[str] = []
        self.missing: list[str] = []
        self.tracefs = tracefs
        self.instance = tracefs if name is None else tracefs / "instances" / name
        self._started = False
        self._pipes: list[tuple[int, int]] = []
        self._files: list[int] = []
        self._marker = -1
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._buffer_kib = 0

    def start(self) -> None:
        """Make the instance, save the formats, switch the events on."""
        self._started = True
        self.folder.mkdir(parents=True, exist_ok=True)
        self._find_tracefs()
        self.missing = [
            event for event in self.wanted if not self._event_folder(self.tracefs, event).is_dir()
        ]
        self.events = [event for event in self.wanted if event not in self.missing]
        if not self.events:
            return
        if self.instance != self.tracefs:
            self.instance.mkdir()
        self._write("trace_clock", "mono")
        processors = sorted(int(path.name[3:]) for path in (self.instance / "per_cpu").iterdir())
        share = BUFFER_TOTAL_KIB // len(processors)
        self._buffer_kib = min(max(share, BUFFER_LEAST_KIB), BUFFER_MOST_KIB)
        self._write("buffer_size_kb", str(self._buffer_kib))
        self._save_formats()
        for processor in processors:
            pipe = self.instance / "per_cpu" / f"cpu{processor}" / "trace_pipe_raw"
            self._pipes.append(
                (processor, os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            )
            target = self.folder / f"trace_raw.{processor}"
            self._files.append(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            )
        for event in self.events:
            (self._event_folder(self.instance, event) / "enable").write_text("1")
        self._write("tracing_on", "1")
        if FORKS in self.events:
            with contextlib.suppress(OSError):
                self._marker = os.open(self.instance / "trace_marker", os.O_WRONLY | os.O_CLOEXEC)

    def mark_process(self, step: str) -> None:
        """Say that this thread's last fork is a process of ``step``.

        The kernel notes who says it by the number that its other records use too, whatever the
        namespace of process ids in which the engine runs. Where nothing can be written, the run
        goes on, and connections are given to flows by time.
        """
        if self._marker >= 0:
            with contextlib.suppress(OSError):
                os.write(self._marker, f"{MARK} {step}\n".encode())

    def _find_tracefs(self) -> None:
        if not (self.tracefs / "events").is_dir() and self.tracefs == TRACEFS:
            with contextlib.suppress(OSError):
                namespaces.mount("tracefs", str(self.tracefs), "tracefs")

    @staticmethod
    def _event_folder(root: Path, event: str) -> Path:
        return root / "events" / event.replace(":", "/")

    def _save_formats(self) -> None:
        formats = self.folder / "formats"
        formats.mkdir(exist_ok=True)
        marks = (
            [MARKS]
            if FORKS in self.events and self._event_folder(self.tracefs, MARKS).is_dir()
            else []
        )
        for event in [*self.events, *marks]:
            text = (self._event_folder(self.instance, event) / "format").read_text()
            (formats / f"{event.replace(':', '.')}.format").write_text(text)
        header = self.tracefs / "events" / "header_page"
        (self.folder / "header_page").write_text(header.read_text())

    def drain(self) -> float:
        """Append what the ring buffers hold to the files; never blocks.

        Return how full the fullest was, from 0 to 1.
        """
        fullest = 0
        for (_processor, pipe), file in zip(self._pipes, self._files, strict=True):
            copied = 0
            with contextlib.suppress(BlockingIOError):
                while page := os.read(pipe, self._page_bytes):
                    copied += os.write(file, page)
            fullest = max(fullest, copied)
        return fullest / (self._buffer_kib * 1024) if self._buffer_kib else 0.0

    def stop(self) -> None:
        """Switch recording off; what was recorded stays readable."""
        if self._marker >= 0:
            os.close(self._marker)
            self._marker = -1
        if self._pipes:
            self._write("tracing_on", "0")

    def close(self) -> TraceSummary | None:
        """Drain for the last time, count what was overwritten, remove the instance, write
        ``trace.json``; None when never started.
        """
        if not self._started:
            return None
        self.drain()
        overrun = 0
        for processor, pipe in self._pipes:
            overrun += parse_overrun(
                (self.instance / "per_cpu" / f"cpu{processor}" / "stats").read_text()
            )
            os.close(pipe)
        for file in self._files:
            os.close(file)
        self._pipes, self._files = [], []
        if self.instance != self.tracefs:
            remove_instance(self.instance)
        summary: TraceSummary = {
            "events": self.events,
            "missing": self.missing,
            "overrun": overrun,
            "page_bytes": self._page_bytes,
        }
        (self.folder / TRACE_SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
        return summary

    def _write(self, name: str, text: str) -> None:
        (self.instance / name).write_text(text)


def parse_overrun(text: str) -> int:
    """Return the events lost out of a ``per_cpu/cpuN/stats`` file: overwritten, and dropped on a
    nested commit.
    """
    found = {key: int(value) for key, value in re.findall(r"^([\w ]+): (\d+)$", text, re.MULTILINE)}
    return found.get("overrun", 0) + found.get("dropped events", 0)


def remove_instance(instance: Path) -> bool:
    """Remove a tracefs instance; return whether there was one."""
    if not instance.is_dir():
        return False
    instance.rmdir()
    return True
