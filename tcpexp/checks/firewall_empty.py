"""The check ``firewall_empty``: whether every rule was taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Check, Evidence, HostName, Undecided, Verdict
from tcpexp.checks.recorded import require_span
from tcpexp.late import polars as pl
from tcpexp.plan.types import Firewall
from tcpexp.units import Duration
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class FirewallEmpty(Check):
    """Whether every rule that the experiment put into a host's firewall was taken out again.

    tcpexp reads the chain back after each insertion and each deletion; a chain that is not as it
    was before fails the run.
    """

    name: ClassVar[str] = "firewall_empty"
    example: ClassVar[str] = "{host: h1, at: 150s}"

    host: HostName = Field(description="the host")
    at: Duration | None = Field(
        default=None, description="by this time; by the end of the run when left out"
    )

    def title(self) -> str:
        """Name the host and the time."""
        return (
            f"firewall of {self.host} empty"
            f" {'after the run' if self.at is None else f'at {time_words(self.at)}'}"
        )

    def asked(self) -> str:
        """Return what is asked."""
        return "no rule left" + ("" if self.at is None else f" at {time_words(self.at)}")

    def evaluate(self, run: RunData) -> Verdict:
        """Compare the insertions with the deletions that were read back."""
        steps = [
            step.id
            for step in (*run.plan.setup, *run.plan.steps)
            if isinstance(step.do, Firewall) and step.do.node == self.host
        ]
        rows = (
            run.table("events")
            .filter(pl.col("step").is_in(steps))
            .sort("t_ns", maintain_order=True)
        )
        inserted = rows.filter(pl.col("event") == "start")
        if inserted.is_empty():
            raise Undecided(f"no firewall rule was put in at {self.host}, so none was read back")
        if self.at is not None:
            require_span(run, (max(self.at - 1, 0), self.at))
            inserted = inserted.filter(pl.col("t_ns") <= self.at)
        ended = rows.filter(pl.col("event") == "end")
        deleted = dict(
            zip(ended.get_column("step").to_list(), ended.get_column("t_ns").to_list(), strict=True)
        )
        left, evidence = [], []
        for row in inserted.iter_rows(named=True):
            end = deleted.get(row["step"])
            gone = end is not None and (self.at is None or end <= self.at)
            left += [] if gone else [row["text"] or row["step"]]
            words = f"out at {time_words(end)}" if end is not None else "not taken out"
            evidence.append(
                Evidence(
                    f"rule {row['text'] or row['step']}: in at {time_words(row['t_ns'])}, {words}",
                    None,
                    (),
                    row["t_ns"],
                    end,
                )
            )
        if left and run.status != "complete":
            raise Undecided(f"the run was {run.status} before it read the firewall back")
        measured = f"{many(len(left), 'rule')} left"
        reason = (
            f"left: {'; '.join(left)}"
            if left
            else (
                f"{many(inserted.height, 'rule was', 'rules were')} taken out, and the chains read"
                " back as before"
            )
        )
        return self.verdict(not left, measured, reason, evidence)
