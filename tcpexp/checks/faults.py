"""The checks ``fault`` (did it act on what it names?), ``displaced`` and ``reordering``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.faults import judge_applied
from tcpexp.analysis.repairs import find_repairs
from tcpexp.checks.base import ActionName, Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import flow_plan, require_span
from tcpexp.checks.words import many, time_words
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.analysis.faults import Applied
    from tcpexp.store.rundata import RunData

#: How many segments a verdict lists.
LISTED = 30
#: net.ipv4.tcp_reordering when nothing was ever late; ss prints only other values.
DEFAULT_REORDERING = 3


class FaultCheck(Compared[Count]):
    """On how many segments a `fault` acted; without a number: on exactly those that it names, in
    every connection.

    A fault that never acted fails the check: the flow ended before that segment, or it never was
    sent that often. Where only the traffic decides how many there are (`every`, `bytes`,
    `transmission: all`) at least one must have been touched.
    """

    name: ClassVar[str] = "fault"
    example: ClassVar[str] = "{action: lose_20}"

    action: ActionName = Field(description="the `id` of the fault")

    def needs_comparator(self) -> bool:
        """Whether a number must be given: no."""
        return False

    def title(self) -> str:
        """Name the fault."""
        return f"what fault {self.action} did"

    def asked(self) -> str:
        """Return the number."""
        return self.comparison() if self.has_comparator() else "what it names"

    def evaluate(self, run: RunData) -> Verdict:
        """Compare what was touched with what was chosen."""
        require_span(run, None)
        found = next((each for each in judge_applied(run) if each.step == self.action), None)
        if found is None:
            raise Undecided(f"the action '{self.action}' is no fault")
        if found.doubt:
            raise Undecided(found.doubt)
        passed = self.holds(found.applied) if self.has_comparator() else found.as_asked
        measured = f"{found.label}: {found.measured}"
        asked = self.comparison() if self.has_comparator() else found.asked
        why = f" ({found.why})" if found.why and not passed else ""
        reason = f"it acted on {many(found.applied, 'segment')}{why}; asked: {asked}"
        return self.verdict(passed, measured, reason, self._evidence(run, found))

    def _evidence(self, run: RunData, found: Applied) -> list[Evidence]:
        """Return the segments as a table."""
        rows = run.table("faults").filter(pl.col("step") == self.action).sort("t_ns")
        if rows.is_empty():
            return []
        table: list[tuple[str, ...]] = [
            ("time", "flow", "number", "transmission", "first byte", "bytes", "effect")
        ]
        for row in rows.head(LISTED).iter_rows(named=True):
            offset = "" if row["offset"] is None else str(row["offset"])
            flow = row["flow"] or f"{row['src']} to {row['dst']}"
            words = (
                str(row["number"]),
                str(row["transmission"]),
                offset,
                str(row["payload_bytes"]),
                row["effect"],
            )
            table.append((time_words(row["t_ns"]), flow, *words))
        more = f", the first {LISTED} listed" if rows.height > LISTED else ""
        text = (
            f"{many(rows.height, 'segment')} on {found.fault.link} towards"
            f" {found.fault.towards}{more}"
        )
        return [Evidence(text, None, (), rows["t_ns"][0], rows["t_ns"][-1], tuple(table))]


class Displaced(Compared[Count]):
    """By how many places the data segments on which a `fault` acted arrived late: how many that
    were sent later arrived before.

    0 is in order. It is the reordering extent of RFC 4737 section 4.2.2, taken from the captures of
    both ends.
    """

    name: ClassVar[str] = "displaced"
    example: ClassVar[str] = "{action: lose_20, equals: 3}"

    action: ActionName = Field(description="the `id` of the fault")

    def title(self) -> str:
        """Name the fault."""
        return f"places by which what fault {self.action} touched was late"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every touched segment's place among the arrivals."""
        require_span(run, None)
        found = find_repairs(run, self.action)
        if not found:
            raise Undecided(f"the fault '{self.action}' touched no data segment")
        journeys = run.table("journeys")
        places, numbers = [], []
        for each in found:
            own = journeys.filter(
                (pl.col("sent_capture") == each.capture)
                & (pl.col("sent_number") == each.sent_number)
            )
            if own.is_empty() or own["reordered_by"][0] is None:
                raise Undecided(
                    f"packet {each.sent_number} of {each.capture} was not seen to arrive"
                )
            places.append(int(own["reordered_by"][0]))
            numbers.append(each.sent_number)
        words = ", ".join(str(each) for each in places)
        evidence = Evidence(
            "the touched segments at the sender",
            found[0].capture,
            tuple(numbers),
            found[0].sent_ns,
            found[-1].arrived_ns,
        )
        reason = f"late by {words} places; asked: {self.comparison()}"
        return self.verdict(all(self.holds(each) for each in places), words, reason, [evidence])


class Reordering(Compared[Count]):
    """By how many places segments of a flow may change before its sender takes one for lost: the
    largest `reordering` that `ss` showed there.

    It begins with `net.ipv4.tcp_reordering`, 3, which `ss` leaves out, and grows when a segment
    that counted as lost, or late, turns up.
    """

    name: ClassVar[str] = "reordering"
    example: ClassVar[str] = "{flow: upload, equals: 4}"

    flow: FlowName = Field(description="the flow")

    def title(self) -> str:
        """Name the flow."""
        return f"reordering that the sender of flow {self.flow} reckons with"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the largest value of all snapshots."""
        require_span(run, None)
        flow = flow_plan(run, self.flow)
        own = (
            (pl.col("flow") == self.flow)
            & (pl.col("node") == flow.sender)
            & (pl.col("state") == "estab")
        )
        rows = (
            run.table("sockets")
            .filter(own)
            .select("t_ns", value=pl.col("info").str.extract(r"\breordering:(\d+)").cast(pl.Int64))
        )
        if rows.is_empty():
            raise Undecided(f"no snapshot (ss) shows the sender of flow {self.flow}")
        found = rows.drop_nulls().sort("value", "t_ns")
        value = int(found["value"][-1]) if found.height else DEFAULT_REORDERING
        evidence = (
            [
                Evidence(
                    f"reordering:{value} in ss on {flow.sender}",
                    from_ns=found.filter(pl.col("value") == value)["t_ns"][0],
                )
            ]
            if found.height
            else []
        )
        return self.verdict(
            self.holds(value),
            str(value),
            f"the largest reordering was {value}; asked: {self.comparison()}",
            evidence,
        )
