"""One process that takes all samples of a run on a fixed grid: sockets, qdiscs, counters,
processor, trace.

It is a fork of the engine, so it starts no interpreter. It wakes at ``t0 + k * interval`` of each
recorder and no more; a tick that comes while it is busy is skipped and counted.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tcpexp.engine.commands import CLEAN_ENVIRONMENT
from tcpexp.engine.namespaces import die_with_parent
from tcpexp.engine.trace import Trace
from tcpexp.record.summary import SamplerStatistics

#: How often the trace's buffers are emptied; more often, in powers of two, when they were found
#: fuller than that.
TRACE_INTERVAL_NS = 1_000_000_000
TRACE_FIRST_INTERVAL_NS, TRACE_LEAST_INTERVAL_NS = TRACE_INTERVAL_NS >> 3, TRACE_INTERVAL_NS >> 6
TRACE_FULL, TRACE_EMPTY = 0.25, 0.05
#: More than any file has that is sampled.
PROC_BYTES = 1 << 15


@dataclass
class Sample:
    """Something sampled: ``take(t_ns)`` is called at every tick and returns False when it failed.

    ``kind`` names it in the statistics, None leaves it out.
    """

    kind: str | None
    interval_ns: int
    take: Callable[[int], bool | None]
    next_ns: int = 0
    taken: int = 0
    failed: int = 0
    last_ns: int | None = None
    largest_gap_ns: int = 0

    def note(self, t_ns: int) -> None:
        """Count a sample taken at ``t_ns``."""
        if self.last_ns is not None and t_ns - self.last_ns > self.largest_gap_ns:
            self.largest_gap_ns = t_ns - self.last_ns
        self.last_ns = t_ns
        self.taken += 1

    def advance(self, now_ns: int) -> None:
        """Place the next tick on the grid, not before ``now_ns``."""
        self.next_ns += self.interval_ns
        if self.next_ns < now_ns:
            self.next_ns = -(-now_ns // self.interval_ns) * self.interval_ns


class Sampler:
    """Runs samples in a forked process from :meth:`start` to :meth:`stop`."""

    def __init__(self, samples: list[Sample], trace: Trace | None) -> None:
        self.samples = samples
        self.trace = trace
        if trace is not None and trace.events:
            self.samples.append(trace_sample(trace))
        self.pid: int | None = None
        self.pidfd = -1
        #: Processor time that sampling took, its programs included, in seconds; known after
        #: :meth:`stop`.
        self.cpu_s = 0.0
        self._control = -1
        self._answer = -1

    def start(self, t0_monotonic_ns: int, duration_ns: int) -> None:
        """Fork the sampling process.

        It takes its first samples at t0 and its last at the end of the run.
        """
        control_reader, self._control = os.pipe()
        self._answer, answer_writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self._control)
                os.close(self._answer)
                _prepare_child()
                self._loop(control_reader, t0_monotonic_ns, duration_ns)
                reached_ns = max(0, min(duration_ns, time.monotonic_ns() - t0_monotonic_ns))
                os.write(answer_writer, json.dumps(self.statistics(reached_ns)).encode())
                status = 0
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.write(
                        answer_writer,
                        json.dumps({"error": f"{type(error).__name__}: {error}"}).encode(),
                    )
            finally:
                os._exit(status)
        os.close(control_reader)
        os.close(answer_writer)
        self.pidfd = os.pidfd_open(self.pid)

    def stop(self) -> dict[str, SamplerStatistics]:
        """End the sampling process; return its statistics.

        Raises ``RuntimeError`` when it had failed.
        """
        if self.pid is None:
            return {}
        os.close(self._control)
        with os.fdopen(self._answer) as pipe:
            text = pipe.read()
        usage = os.wait4(self.pid, 0)[2]
        self.cpu_s = usage.ru_utime + usage.ru_stime
        os.close(self.pidfd)
        self.pid = None
        answer = json.loads(text or '{"error": "the sampling process was killed"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return dict(answer)

    def _loop(self, control: int, t0: int, duration_ns: int) -> None:
        queue = [(sample.next_ns, number, sample) for number, sample in enumerate(self.samples)]
        heapq.heapify(queue)
        watched = [control]
        while queue and queue[0][0] <= duration_ns:
            due, number, sample = queue[0]
            wait_ns = t0 + due - time.monotonic_ns()
            if wait_ns > 0 and select.select(watched, [], [], wait_ns / 1e9)[0]:
                return
            t_ns = time.monotonic_ns() - t0
            if sample.take(t_ns) is False:
                sample.failed += 1
            sample.note(t_ns)
            sample.advance(time.monotonic_ns() - t0)
            heapq.heapreplace(queue, (sample.next_ns, number, sample))
        select.select(watched, [], [])

    def statistics(self, reached_ns: int) -> dict[str, SamplerStatistics]:
        """Return per kind how many samples were planned, how many taken, and the largest time
        between two.
        """
        found: dict[str, SamplerStatistics] = {}
        for sample in self.samples:
            if sample.kind is None:
                continue
            entry = found.setdefault(
                sample.kind, {"planned": 0, "taken": 0, "failed": 0, "largest_gap_ns": 0}
            )
            entry["planned"] += reached_ns // sample.interval_ns + 1
            entry["taken"] += sample.taken
            entry["failed"] += sample.failed
            entry["largest_gap_ns"] = max(entry["largest_gap_ns"], sample.largest_gap_ns)
        return found


def trace_sample(trace: Trace) -> Sample:
    """Return a sample that empties the trace's buffers, the more often the fuller they are."""

    def take(t_ns: int) -> None:
        share = trace.drain()
        if share > TRACE_FULL and sample.interval_ns > TRACE_LEAST_INTERVAL_NS:
            sample.interval_ns //= 2
        elif share < TRACE_EMPTY and sample.interval_ns < TRACE_INTERVAL_NS:
            sample.interval_ns *= 2

    sample = Sample(None, TRACE_FIRST_INTERVAL_NS, take)
    return sample


def _prepare_child() -> None:
    die_with_parent()
    # nothing here makes cycles, and a collection would copy every page that is shared with the
    # engine
    gc.disable()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


# what is sampled


def command_sample(kind: str, interval_ns: int, argv: list[str], path: Path) -> Sample:
    """Return a sample that runs ``argv`` and appends its output behind a line ``# t_ns=<n>``."""
    file = open_to_append(path)

    def take(t_ns: int) -> bool:
        os.write(file, b"# t_ns=%d\n" % t_ns)
        return run_into(argv, file) == 0

    return Sample(kind, interval_ns, take)


def run_into(argv: list[str], file: int) -> int:
    """Run a program with its output going to the open file; return its exit status."""
    # ss, for one, complains at every call where there is no cgroup2
    null = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    actions = [(os.POSIX_SPAWN_DUP2, file, 1), null]
    defaults = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    pid = os.posix_spawnp(
        argv[0], argv, CLEAN_ENVIRONMENT, file_actions=actions, setsigdef=defaults
    )
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class ProcFile:
    """A file of /proc that is read again and again: opened at the first reading, so by the process
    that reads it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1

    def read(self) -> bytes:
        """Return the file as it is now."""
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._file, PROC_BYTES, 0)


def counters_sample(interval_ns: int, holder: int, path: Path) -> Sample:
    """Return a sample of the SNMP and TcpExt counters of the network namespace that ``holder`` is
    in.
    """
    file = open_to_append(path)
    files = [ProcFile(name) for name in counters_paths(holder)]

    def take(t_ns: int) -> None:
        os.write(file, b"# t_ns=%d\n%b" % (t_ns, b"".join(source.read() for source in files)))

    return Sample("counters", interval_ns, take)


def counters_paths(holder: int) -> list[str]:
    """Return the files that hold the counters of the network namespace that ``holder`` is in.

    IPv6 has its own where there is an address of it.
    """
    names = ["snmp", "netstat"]
    addresses = Path(f"/proc/{holder}/net/if_inet6")
    if addresses.exists() and addresses.read_bytes():
        names.append("snmp6")
    return [f"/proc/{holder}/net/{name}" for name in names]


def read_counters(holder: int) -> bytes:
    """Return /proc/net/snmp, /proc/net/netstat and perhaps /proc/net/snmp6 of the namespace that
    ``holder`` is in.
    """
    return b"".join(Path(name).read_bytes() for name in counters_paths(holder))


def open_to_append(path: Path) -> int:
    """Return ``path`` opened to append to; made when there is none, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
