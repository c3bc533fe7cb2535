"""Do a step of the plan, and undo it: one method per kind of primitive."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tcpexp.engine.assembly import Network
from tcpexp.engine.clock import Clock
from tcpexp.engine.commands import Executor
from tcpexp.engine.conditions import describe_condition, make_condition
from tcpexp.engine.faults.segments import SegmentFaults
from tcpexp.engine.flowcc import switch_congestion_control
from tcpexp.engine.pathmanager import manage_paths
from tcpexp.engine.processes import ProcessTable, Running
from tcpexp.engine.qdiscs import qdisc_rows
from tcpexp.engine.rates import LinkRateTable
from tcpexp.engine.routes import set_initial_windows
from tcpexp.engine.sampler import read_counters
from tcpexp.engine.sockets import SS_ARGV
from tcpexp.engine.sysctls import write_sysctl
from tcpexp.engine.waiting import Waiter
from tcpexp.errors import RunError
from tcpexp.plan.types import (
    Firewall,
    FlowCongestionControl,
    InitialWindow,
    Kill,
    LinkChange,
    LinkMtu,
    LinkRates,
    LinkState,
    Mark,
    PathManager,
    SegmentFault,
    Snapshot,
    Spawn,
    Step,
    Sysctl,
    WaitFor,
    iptables_program,
)
from tcpexp.record.files import RATES

#: How often a condition is looked at.
CONDITION_INTERVAL_NS = 50_000_000
Undo = Callable[[], str]


class Actor:
    """Executes steps on a running network.

    ``active`` holds what is still to be undone, in the order in which it was done.
    """

    def __init__(
        self,
        network: Network,
        executor: Executor,
        processes: ProcessTable,
        waiter: Waiter,
        raw_dir: Path,
    ) -> None:
        self.network = network
        self.executor = executor
        self.processes = processes
        self.waiter = waiter
        self.raw_dir = raw_dir
        self.faults = SegmentFaults(network, executor)
        self.rates = LinkRateTable(network, raw_dir / RATES, executor.log.clock)
        self.active: dict[str, tuple[Step, Undo]] = {}
        self._iptables = iptables_program(network.plan.ip)

    def do(self, step: Step) -> str | None:
        """Do a step other than a ``Spawn``; return what to note about it.

        Raises ``RunError`` when it fails.
        """
        what = step.do
        match what:
            case Firewall():
                return self._insert_rule(step, what)
            case LinkChange():
                return self._change_link(step, what)
            case LinkRates():
                return self._follow_rates(step)
            case LinkState() | LinkMtu():
                return (
                    self._set_link(step, what)
                    if isinstance(what, LinkState)
                    else self._set_mtu(what)
                )
            case Sysctl() | InitialWindow():
                return (
                    self._set_sysctl(step, what)
                    if isinstance(what, Sysctl)
                    else self._set_initial_window(step, what)
                )
            case PathManager() | FlowCongestionControl():
                return (
                    manage_paths(self.executor, what)
                    if isinstance(what, PathManager)
                    else self._switch_flow(what)
                )
            case Kill():
                return self._kill(what)
            case Snapshot():
                return self._take_snapshot(step, what)
            case WaitFor():
                return self._wait_for(what)
            case SegmentFault():
                return self._start_fault(step)
            case Mark():
                return what.text
            case Spawn():
                raise TypeError("processes are started by the timeline")

    def undo(self, step_id: str) -> tuple[Step, str] | None:
        """Undo a step that is active.

        Return it and what to note, None when there is nothing to undo.
        """
        if step_id not in self.active:
            return None
        step, undo = self.active.pop(step_id)
        return step, undo()

    def _keep(self, step: Step, undo: Undo) -> None:
        """Remember how to undo a step.

        One that is repeated is undone to what was before the first time.
        """
        self.active.setdefault(step.id, (step, undo))

    # --------------------------------------------------------------------------------------------
    # firewall

    def _insert_rule(self, step: Step, what: Firewall) -> str:
        if step.id in self.active:
            return "the rule is there already"
        before = self._rules(what.node, what.chain)
        self.executor.run(what.node, [self._iptables, "-w", "-I", what.chain, *what.rule])
        after = self._rules(what.node, what.chain)
        # the line of the chain's policy
        head = 1 if before and not before[0].startswith("-A") else 0
        if len(after) != len(before) + 1 or after[:head] + after[head + 1 :] != before:
            raise RunError(
                f"{what.node}: firewall asked '{' '.join(what.rule)}', chain {what.chain} reads"
                f" back {after}"
            )
        added = after[head]
        self._keep(step, lambda: self._delete_rule(what, added))
        return added

    def _delete_rule(self, what: Firewall, added: str) -> str:
        expected = self._rules(what.node, what.chain)
        if added in expected:
            expected.remove(added)
        self.executor.run(what.node, [self._iptables, "-w", "-D", what.chain, *what.rule])
        after = self._rules(what.node, what.chain)
        if after != expected:
            raise RunError(
                f"{what.node}: chain {what.chain} should read {expected} again, reads back {after}"
            )
        return f"deleted: {added}"

    def _rules(self, node: str, chain: str) -> list[str]:
        return self.executor.run(node, [self._iptables, "-w", "-S", chain]).stdout.splitlines()

    # --------------------------------------------------------------------------------------------
    # links

    def _change_link(self, step: Step, what: LinkChange) -> str:
        before = self.network.direction(what.link, what.towards)
        self.network.change_direction(what.link, what.towards, what.direction)

        def undo() -> str:
            self.network.change_direction(what.link, what.towards, before)
            return "former parameters"

        self._keep(step, undo)
        return f"{what.link} towards {what.towards}"

    def _follow_rates(self, step: Step) -> str:
        self._keep(step, lambda: self.rates.end(step.id))
        return self.rates.set_rate(step.id, 0, step.at_ns or 0)

    def _set_link(self, step: Step, what: LinkState) -> str:
        self.network.set_link(what.link, what.up)

        def undo() -> str:
            self.network.set_link(what.link, not what.up)
            return "down" if what.up else "up"

        self._keep(step, undo)
        return "up" if what.up else "down"

    def _set_mtu(self, what: LinkMtu) -> str:
        before = self.network.set_mtu(what.link, (what.a_mtu, what.b_mtu))
        ends = {
            f"{was} -> {now}" for was, now in zip(before, (what.a_mtu, what.b_mtu), strict=True)
        }
        return f"{what.link}: MTU {', '.join(sorted(ends))}"

    def _start_fault(self, step: Step) -> str:
        self.faults.switch(step.id, True)

        def undo() -> str:
            self.faults.switch(step.id, False)
            return f"acted on {self.faults.applied(step.id)} segments"

        self._keep(step, undo)
        return "watching"

    # --------------------------------------------------------------------------------------------
    # sysctls and sockets

    def _set_sysctl(self, step: Step, what: Sysctl) -> str:
        before = write_sysctl(self.network, what.node, what.key, what.value)

        def undo() -> str:
            write_sysctl(self.network, what.node, what.key, before)
            return f"{what.key} = {before}"

        self._keep(step, undo)
        return f"{what.key}: {before} -> {what.value}"

    def _set_initial_window(self, step: Step, what: InitialWindow) -> str:
        ip = self.network.plan.ip
        before = set_initial_windows(self.executor, what.node, ip, what.segments)

        def undo() -> str:
            set_initial_windows(self.executor, what.node, ip, before)
            return "former initial windows"

        self._keep(step, undo)
        return (
            f"initial window {what.segments} on {len(before)}"
            f" route{'s' if len(before) != 1 else ''} of {what.node}"
        )

    def _switch_flow(self, what: FlowCongestionControl) -> str:
        process = self.processes.find(what.step)
        if process.status is not None:
            raise RunError(
                f"the sockets of {process.name} are gone: {self.processes.describe_end(process)}"
            )
        return "; ".join(switch_congestion_control(process.pid, what.port, what.algorithm))

    def _kill(self, what: Kill) -> str:
        process = self.processes.find(what.step)
        if process.status is not None:
            return f"the process of {what.step} had ended with status {process.status}"
        self.processes.send(process, what.signal)
        return f"{what.signal} to process {process.pid} of {what.step}"

    # --------------------------------------------------------------------------------------------
    # looking and waiting

    def _take_snapshot(self, step: Step, what: Snapshot) -> str:
        folder = self.raw_dir / "snapshots" / step.id
        folder.mkdir(parents=True, exist_ok=True)
        for node in what.nodes:
            head = f"# t_ns={self.executor.log.clock.now_ns()}\n"
            with (folder / f"{node}.ss.txt").open("a") as file:
                file.write(head + self.executor.run(node, list(SS_ARGV)).stdout)
            with (folder / f"{node}.counters.txt").open("a") as file:
                file.write(head + read_counters(self.network.pid(node)).decode())
        t_ns = self.executor.log.clock.now_ns()
        with (folder / "qdisc.jsonl").open("a") as file:
            for source in self.network.qdisc_sources():
                file.writelines(
                    json.dumps({"t_ns": t_ns, **row}) + "\n" for row in qdisc_rows(source)
                )
        return f"{os.path.relpath(folder, self.raw_dir)}: {', '.join(what.nodes)}"

    def _wait_for(self, what: WaitFor) -> str:
        holds = make_condition(what, self.network.pid(what.node), self.processes)
        began = Clock.monotonic_ns()
        done = self.waiter.wait_for(
            lambda: holds() or self._in_vain(what) is not None,
            began + what.timeout_ns,
            CONDITION_INTERVAL_NS,
        )
        ended = self._in_vain(what)
        if ended is not None and not holds():
            raise RunError(self.processes.describe_end(ended))
        if not done:
            runs = self.processes.running.get(what.step or "") or []
            more = (
                f"; {self.processes.describe_end(runs[-1])}"
                if runs and runs[-1].status is not None
                else ""
            )
            raise RunError(
                f"waited {what.timeout_ns / 1e9:g} s in vain for {describe_condition(what)}{more}"
            )
        return f"{describe_condition(what)} after {(Clock.monotonic_ns() - began) / 1e9:.3f} s"

    def _in_vain(self, what: WaitFor) -> Running | None:
        """Return the process that should bring about a condition when it went wrong and is not
        started again, else None.

        One that ended with 0 may have left another process behind that will (a server that becomes
        a daemon).
        """
        runs = self.processes.running.get(what.step or "")
        if (
            not runs
            or what.condition == "exit"
            or not runs[-1].status
            or runs[-1].step.every_ns is not None
        ):
            return None
        return runs[-1]
