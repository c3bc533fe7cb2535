"""Everything recorded for the whole run: captures, the sampling process, the trace, and commands
left running.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from tcpexp.engine import qdiscs, sampler, samplers, sockets
from tcpexp.engine.assembly import Network
from tcpexp.engine.captures import Captures
from tcpexp.engine.commands import Executor
from tcpexp.engine.processes import ProcessTable
from tcpexp.engine.trace import Trace
from tcpexp.engine.waiting import Waiter
from tcpexp.errors import RunError, TcpexpError
from tcpexp.plan.types import Recorder, Spawn, Step
from tcpexp.record.sampling import Sampled, raw_name
from tcpexp.record.summary import RecordingSummary


class Recording:
    """The recorders of a run, started together and stopped together."""

    def __init__(
        self,
        recorders: tuple[Recorder, ...],
        network: Network,
        executor: Executor,
        waiter: Waiter,
        processes: ProcessTable,
        raw_dir: Path,
        files_dir: Path,
        token: str | None,
    ) -> None:
        self.recorders = recorders
        self.network = network
        self.executor = executor
        self.waiter = waiter
        self.processes = processes
        self.raw_dir = raw_dir
        self.files_dir = files_dir
        self.captures = Captures(executor, waiter, raw_dir)
        self.trace: Trace | None = None
        events = [
            event
            for recorder in recorders
            if recorder.kind == "trace"
            for event in recorder.options.get("events", ())
        ]
        if any(recorder.kind == "trace" for recorder in recorders):
            self.trace = Trace(
                raw_dir, None if token is None else f"tcpexp-{token}", list(dict.fromkeys(events))
            )
        self.sampler: sampler.Sampler | None = None
        self._socket_nodes: list[str] = []
        self._closed = False
        self.results: RecordingSummary = {"captures": {}, "samplers": {}, "trace": None}

    def add_trace_events(self, events: Iterable[str]) -> None:
        """Record these tracepoints too, where the kernel's trace is recorded at all."""
        if self.trace is not None:
            self.trace.wanted += [event for event in events if event not in self.trace.wanted]

    def start(self) -> None:
        """Start captures, the trace and commands that run throughout; raises ``RunError``."""
        self.captures.start([recorder for recorder in self.recorders if recorder.kind == "capture"])
        if self.trace is not None:
            try:
                self.trace.start()
            except OSError as error:
                raise RunError(f"the kernel's trace could not be started: {error}") from None
            self.processes.forked = self.trace.mark_process
        for number, recorder in enumerate(self.recorders):
            if recorder.kind == "command" and recorder.interval_ns is None:
                self._start_command(number, recorder)

    def start_sampling(self, t0_monotonic_ns: int, duration_ns: int) -> None:
        """Start the sampling process."""
        samples = [
            self._sample(recorder)
            for recorder in self.recorders
            if recorder.kind not in ("capture", "trace")
        ]
        wanted = [sample for sample in samples if sample is not None]
        if not wanted and not (self.trace is not None and self.trace.events):
            return
        self.sampler = sampler.Sampler(wanted, self.trace)
        self.sampler.start(t0_monotonic_ns, duration_ns)
        self.waiter.watch(self.sampler.pidfd, self._sampler_died)

    def stop(self, end_monotonic_ns: int | None) -> list[str]:
        """Stop all recorders, keep what they have; return what went wrong.

        A second call does nothing.
        """
        if self._closed:
            return []
        self._closed = True
        problems = []
        self.results["captures"] = self.captures.stop(end_monotonic_ns)
        if self.trace is not None:
            self.trace.stop()
        if self.sampler is not None:
            self.waiter.forget(self.sampler.pidfd)
            try:
                self.results["samplers"] = self.sampler.stop()
                self.results["sampler_cpu_s"] = round(self.sampler.cpu_s, 6)
            except RuntimeError as error:
                problems.append(f"the sampling process failed: {error}")
        if self.trace is not None:
            self.results["trace"] = self.trace.close()
        for node in self._socket_nodes:
            try:
                self._write_sockets(node)
            except (TcpexpError, OSError) as error:
                problems.append(f"the socket snapshots of {node} could not be written out: {error}")
        return problems

    def _sampler_died(self) -> None:
        assert self.sampler is not None
        self.waiter.forget(self.sampler.pidfd)
        failed, self.sampler = self.sampler, None
        try:
            failed.stop()
        except RuntimeError as error:
            raise RunError(f"the sampling process failed: {error}") from None
        raise RunError("the sampling process ended in the run")

    def _start_command(self, number: int, recorder: Recorder) -> None:
        node = _node(recorder)
        spawn = Spawn(node=node, argv=tuple(recorder.options["argv"]))
        self.processes.start_recorder(
            Step(f"recorder{number}", None, None, spawn, recorder.options["output"], mark=False),
            spawn,
            self.raw_dir / str(recorder.options["output"]),
        )

    def _sample(self, recorder: Recorder) -> sampler.Sample | None:
        """Return the sample of a recorder, None for one that is not sampled."""
        interval = recorder.interval_ns
        if interval is None:
            return None
        match recorder.kind:
            case "ss":
                return self._sockets(_node(recorder), interval)
            case "qdisc":
                sources = self.network.open_qdisc_sources()
                return qdiscs.qdisc_sample(interval, sources, self.raw_dir) if sources else None
            case "counters":
                node = _node(recorder)
                path = self.raw_dir / "counters" / f"{node}.txt"
                return sampler.counters_sample(interval, self.network.pid(node), path)
            case "command":
                output = str(recorder.options["output"])
                argv = self.executor.argv(_node(recorder), list(recorder.options["argv"]))
                return sampler.command_sample(output, interval, argv, self.raw_dir / output)
        return self._own_sample(recorder, interval)

    def _own_sample(self, recorder: Recorder, interval_ns: int) -> sampler.Sample:
        """Return the sample of a recorder that brings its sampler; raises ``RunError``."""
        open_sample = samplers.load_sampler(recorder.kind, self.files_dir)
        node = recorder.node
        pid = None if node is None else self.network.pid(node)
        inside = contextlib.nullcontext() if node is None else self.network.inside(node)
        with inside:
            take = samplers.open_sampler(
                open_sample, recorder.kind, Sampled(node, pid, recorder.options)
            )
        path = self.raw_dir / raw_name(recorder.kind)
        return samplers.rows_sample(recorder.kind, node, interval_ns, take, path)

    def _sockets(self, node: str, interval_ns: int) -> sampler.Sample:
        """Return the sample of a node's sockets: dumps that are written out at the end or, where
        the kernel has no sock_diag, ``ss`` each time.
        """
        target = self.raw_dir / "ss" / f"{node}.txt"
        try:
            with self.network.inside(node):
                netlink = sockets.open_diag()
        except OSError:
            return sampler.command_sample(
                "ss", interval_ns, self.executor.argv(node, list(sockets.SS_ARGV)), target
            )
        self._socket_nodes.append(node)
        return sockets.sockets_sample(interval_ns, netlink, target.with_suffix(".nl"))

    def _write_sockets(self, node: str) -> None:
        """Let ``ss`` write out a node's dumps, which are dropped then.

        In the node's namespace, where interfaces have their names.
        """
        target = self.raw_dir / "ss" / f"{node}.txt"
        dumps, readable = target.with_suffix(".nl"), target.with_suffix(".diag")
        times = sockets.write_for_ss(dumps, readable)
        written = self.executor.run(
            node, sockets.SS_ARGV, extra={sockets.SS_FILE_VARIABLE: str(readable)}
        )
        target.write_text(sockets.split_snapshots(written.stdout, times))
        readable.unlink()
        dumps.unlink()


def _node(recorder: Recorder) -> str:
    if recorder.node is None:
        raise RunError(f"recorder {recorder.kind} names no node")
    return recorder.node
