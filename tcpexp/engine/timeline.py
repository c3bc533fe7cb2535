"""Execute the plan's steps at their times, one after the other, and record how late each was."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from tcpexp.engine.clock import Clock
from tcpexp.engine.events import EventLog
from tcpexp.engine.processes import ProcessTable, Running, unexpected_status
from tcpexp.engine.steps import Actor
from tcpexp.engine.waiting import Waiter
from tcpexp.errors import RunError
from tcpexp.plan.types import LinkRates, Mark, RunPlan, Spawn, Step, WaitFor

#: At the same instant ends come before starts, then the plan's order decides.
END, START = 0, 1


@dataclass(order=True)
class Due:
    """Something to be done at ``t_ns``."""

    t_ns: int
    rank: int
    order: int
    step: Step = field(compare=False)
    #: which entry of a ``LinkRates`` list
    entry: int = field(default=0, compare=False)


class Timeline:
    """Runs set-up steps, then the timed steps from t0 to the end.

    ``where`` names what is being done.
    """

    def __init__(
        self,
        plan: RunPlan,
        clock: Clock,
        waiter: Waiter,
        events: EventLog,
        actor: Actor,
        processes: ProcessTable,
        enter: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.waiter = waiter
        self.events = events
        self.actor = actor
        self.processes = processes
        self.enter = enter
        self._due: list[Due] = []
        #: when the engine had done what was due before, CLOCK_MONOTONIC
        self._free_ns = 0

    def run_setup(self) -> None:
        """Do the set-up steps in order; raises ``RunError`` or ``Interrupted``."""
        for step in self.plan.setup:
            self.waiter.check()
            self.enter(f"setup step {step.id} ({step.label})")
            self._start(step, None)
            if isinstance(step.do, Spawn) and not step.do.background:
                self._await_end(step)

    def prepare(self) -> None:
        """Prepare the processes at whose instant something else is due, before t0.

        Raises ``RunError``.
        """
        for steps in simultaneous_spawns(self.plan):
            self.enter(f"preparation of {', '.join(step.id for step in steps)}")
            self.processes.prepare(steps)

    def run_steps(self) -> None:
        """Do the timed steps, and return at the end of the run.

        Raises ``RunError`` or ``Interrupted``.
        """
        end = self.plan.duration_ns
        for order, step in enumerate(self.plan.steps):
            if step.at_ns is not None and step.at_ns < end:
                self._push(step.at_ns, START, order, step)
            if step.until_ns is not None and step.until_ns < end:
                self._push(step.until_ns, END, order, step)
        for order, step in enumerate(self.plan.setup):
            if step.until_ns is not None and step.until_ns < end:
                self._push(step.until_ns, END, -1 - order, step)
        while self._due:
            due = heapq.heappop(self._due)
            self.enter("waiting")
            self.waiter.wait_until(self.clock.absolute_ns(due.t_ns))
            self.enter(f"step {due.step.id} ({due.step.label})")
            if due.rank == START and due.entry:
                self.actor.rates.set_rate(due.step.id, due.entry, due.t_ns)
                self._next_rate(due)
            elif due.rank == START:
                self._repeat(due)
                self._start(due.step, due.t_ns)
            else:
                self._end(due.step, due.t_ns)
            self._free_ns = Clock.monotonic_ns()
        self.enter("waiting")
        self.waiter.wait_until(self.clock.absolute_ns(end))

    def _push(self, t_ns: int, rank: int, order: int, step: Step) -> None:
        heapq.heappush(self._due, Due(t_ns, rank, order, step))

    def _next_rate(self, due: Due) -> None:
        """Put the next entry of a list of rates on the timeline."""
        step, entry = due.step, due.entry + 1
        assert isinstance(step.do, LinkRates) and step.at_ns is not None
        if entry < len(step.do.after_ns):
            following = step.at_ns + step.do.after_ns[entry]
            if following < min(self.plan.duration_ns, step.until_ns or self.plan.duration_ns):
                heapq.heappush(self._due, Due(following, START, due.order, step, entry))

    def _repeat(self, due: Due) -> None:
        step = due.step
        if isinstance(step.do, LinkRates):
            self._next_rate(due)
        if step.every_ns is None:
            return
        following = due.t_ns + step.every_ns
        until = (
            self.plan.duration_ns
            if step.until_ns is None
            else min(step.until_ns, self.plan.duration_ns)
        )
        if following < until:
            self._push(following, START, due.order, step)

    def _behind_ns(self, planned_ns: int | None) -> int | None:
        """Return how long past a step's instant the engine was still at work on what was due before
        it.
        """
        return (
            None
            if planned_ns is None
            else max(0, self._free_ns - self.clock.absolute_ns(planned_ns))
        )

    def _start(self, step: Step, planned_ns: int | None) -> None:
        began, behind = Clock.monotonic_ns(), self._behind_ns(planned_ns)
        try:
            if isinstance(step.do, Spawn):
                running = self.processes.start(step, step.do, step.until_ns)
                self.events.write(
                    "start",
                    step,
                    planned_ns=planned_ns,
                    at_monotonic_ns=running.began_ns,
                    behind_ns=behind,
                    argv=running.argv,
                    pid=running.pid,
                )
                return
            text = self.actor.do(step)
        except RunError as error:
            self.events.write(
                "error", step, planned_ns=planned_ns, at_monotonic_ns=began, text=str(error)
            )
            raise
        kind = "mark" if isinstance(step.do, Mark) else "start"
        self.events.write(
            kind,  # type: ignore[arg-type]
            step,
            planned_ns=planned_ns,
            at_monotonic_ns=began,
            behind_ns=behind,
            status=0,
            text=text,
        )
        if isinstance(step.do, WaitFor):
            self.events.write("end", step, status=0, text=text)

    def _end(self, step: Step, planned_ns: int | None) -> None:
        if isinstance(step.do, Spawn):
            self.processes.stop(self.processes.alive(step.id))
            return
        began, behind = Clock.monotonic_ns(), self._behind_ns(planned_ns)
        undone = self.actor.undo(step.id)
        if undone is not None:
            self.events.write(
                "end",
                step,
                planned_ns=planned_ns,
                at_monotonic_ns=began,
                behind_ns=behind,
                status=0,
                text=undone[1],
            )

    def _await_end(self, step: Step) -> None:
        """Wait for a set-up process; its own time limit is the plan's wall limit, outside."""
        while self.processes.alive(step.id):
            self.waiter.wait_for(
                lambda: not self.processes.alive(step.id), Clock.monotonic_ns() + 10**9, 10**9
            )

    def process_ended(self, running: Running) -> None:
        """Record a process's end.

        Raises ``RunError`` when the rest of the run cannot do without another status.
        """
        planned = running.planned_end_ns if running.stopped_by else None
        failed = unexpected_status(running)
        text = None
        if failed:
            text = (
                f"ended with status {running.status}, the plan expects"
                f" {running.spawn.expect_status}"
            )
        self.events.write(
            "end",
            running.step,
            planned_ns=planned,
            pid=running.pid,
            status=running.status,
            stopped_by=running.stopped_by,
            text=text,
        )
        if failed:
            raise RunError(
                f"step {running.step.id} ({running.step.label}): {text}:"
                f" {self.processes.last_cause(running)}"
            )


def simultaneous_spawns(plan: RunPlan) -> list[list[Step]]:
    """Return the groups of processes that begin at the same time with nothing else in between, in
    the plan's order.

    One process alone is a group when another step is due at its instant behind it: that step would
    wait for milliseconds until the process is started.
    """
    groups: list[list[Step]] = []
    due = sorted(
        (step for step in plan.steps if step.at_ns is not None and step.at_ns < plan.duration_ns),
        key=lambda step: step.at_ns or 0,
    )
    for _, steps in itertools.groupby(due, key=lambda step: step.at_ns):
        instant = list(steps)
        for gated, part in itertools.groupby(
            instant,
            key=lambda step: (
                isinstance(step.do, Spawn) and step.do.stdin is None and step.every_ns is None
            ),
        ):
            group = list(part)
            if gated and (len(group) > 1 or group[-1] is not instant[-1]):
                groups.append(group)
    return groups
