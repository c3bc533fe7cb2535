"""``link_steps`` and ``link_trace``: links that vary in time, by a list in the spec or by a file
beside it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.actions.common import BuiltinAction
from tcpexp.actions.link import plain_value
from tcpexp.plan.context import PlanContext
from tcpexp.plan.queues import frame_bytes
from tcpexp.plan.traces import (
    MOST_RATES,
    RateSteps,
    parse_opportunities,
    parse_rates,
    rates_of_opportunities,
)
from tcpexp.plan.types import LinkPlan, LinkRates
from tcpexp.spec.links import LinkParameters
from tcpexp.units import Duration, QuantityError, format_duration, format_rate

#: A change by ``link_steps`` costs two programs; beyond so many a file is right.
MOST_STEPS = 200
#: Shorter windows hold less than a packet at usual rates.
LEAST_WINDOW_NS = 10_000_000
MIN_RATE_BPS = 8_000


class LinkStep(LinkParameters):
    """One step: parameters of the link from ``after`` on."""

    after: Duration = Field(description="when, from the action's `at`")


class LinkSteps(BuiltinAction):
    """Change a link step by step: a list of times and of what holds from then on.

    What a step does not name stays as the step before left it. No queue is emptied. With `every`
    the list begins again at that distance. At `until` everything is as it was before.
    """

    example: ClassVar[str] = (
        "- {at: 10s, do: link_steps, link: h1-h2, towards: h2, steps: [{after: 0s, rate: "
        "5mbit}, {after: 5s, rate: 1mbit, delay: 80ms}], until: 25s}\n"
        "- {at: 30s, do: link_steps, link: h1-h2, steps: [{after: 0s, rate: 10mbit}, "
        "{after: 2s, rate: 2mbit}], every: 4s, until: 50s}"
    )
    takes_every: ClassVar[bool] = True

    do: Literal["link_steps"] = "link_steps"
    link: str = Field(description="the link's name, such as `h1-h2`")
    towards: str | None = Field(
        default=None,
        description="host at which the changed direction ends; both directions when silent",
    )
    steps: tuple[LinkStep, ...] = Field(
        min_length=1,
        description="`after` (from `at`) and parameters of the link, as `link` has them",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [step.after for step in self.steps]
        if times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times)):
            raise QuantityError(
                "the steps are not in the order of their times, from 0s on",
                "write after: 0s first, then later and later",
            )
        if self.every is not None and self.every <= times[-1]:
            raise QuantityError(
                f"every: {format_duration(self.every)} begins again before the last step",
                f"write more than {format_duration(times[-1])}",
            )
        for step in self.steps:
            if not _parameters(step).named():
                raise QuantityError(
                    "a step changes nothing", "name at least one parameter, such as rate: 5mbit"
                )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append a change for each step, which holds until the next."""
        link = context.link(self.link)
        end = self.until if self.until is not None else context.duration_ns
        rounds = range(self.at_ns, end, self.every) if self.every is not None else (self.at_ns,)
        starts = [
            (begin + step.after, step)
            for begin in rounds
            for step in self.steps
            if begin + step.after < end
        ]
        if len(starts) > MOST_STEPS:
            raise context.error(
                f"{len(starts)} changes; {MOST_STEPS} at most",
                hint="write a file and use do: link_trace",
                key="steps",
            )
        holds = LinkParameters()
        for index, (at_ns, step) in enumerate(starts):
            own = _parameters(step)
            holds = own.over(holds)
            last = index + 1 == len(starts)
            until = self.until if last else starts[index + 1][0]
            words = ", ".join(
                f"{name} {plain_value(name, value)}" for name, value in own.named().items()
            )
            towards = "" if self.towards is None else f" towards {self.towards}"
            context.change_link(
                link.name,
                holds,
                f"{link.name}{towards}: {words}",
                at_ns=at_ns,
                until_ns=until,
                towards=self.towards,
            )


def _parameters(step: LinkStep) -> LinkParameters:
    names = LinkParameters.model_fields
    return LinkParameters.model_construct(
        **{name: getattr(step, name) for name in step.model_fields_set if name in names}
    )


class LinkTrace(BuiltinAction):
    """Let the rate of a link follow a file beside the spec.

    A file of rates (its name ends in `.csv`) has lines `seconds,rate`, such as `12.5,5mbit`; the
    last rate holds on. A file of delivery opportunities has one time in whole milliseconds per
    line, each the chance of one full packet to leave; it begins again at its end. Of these the
    number in each `window` counts: the rate is even within it. A rate of 0 lets nothing pass. The
    link needs a `rate` under `links:`; it holds before `at` and after `until`, and the queue has
    its size from it all the time.
    """

    example: ClassVar[str] = (
        "- {at: 0s, do: link_trace, link: h1-h2, towards: h2, file: train.csv}\n"
        "- {at: 5s, do: link_trace, link: h1-h2, towards: h1, file: cellular.trace, "
        "window: 50ms, until: 55s}"
    )

    do: Literal["link_trace"] = "link_trace"
    link: str = Field(description="the link's name, such as `h1-h2`")
    towards: str | None = Field(
        default=None,
        description="host at which the changed direction ends; both directions when silent",
    )
    file: str = Field(description="the file, beside the spec")
    window: Duration = Field(
        default="100ms",
        validate_default=True,
        description="for opportunities: the time in which they are counted, at least 10ms",
    )

    @model_validator(mode="after")
    def _not_too_fine(self) -> Self:
        if self.window < LEAST_WINDOW_NS or self.window % 1_000_000:
            raise QuantityError(
                "a window has whole milliseconds, at least 10ms", "write window: 100ms"
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append one list of rates for each direction."""
        link = context.link(self.link)
        ends = (link.b.node, link.a.node)
        if self.towards is not None and self.towards not in ends:
            raise context.error(
                f"link {link.name} does not lead to '{self.towards}'",
                hint=f"write {ends[0]} or {ends[1]}",
                key="towards",
            )
        length_ns = (self.until if self.until is not None else context.duration_ns) - self.at_ns
        for end in ends if self.towards is None else (self.towards,):
            direction = link.forward if end == link.b.node else link.backward
            if direction.rate_bps is None:
                hint = (
                    f"give {link.name} a rate under links: it holds before the trace, and the queue"
                    " is of its size"
                )
                raise context.error(
                    f"{link.name} towards {end} has no bottleneck", hint=hint, key="link"
                )
            steps, source = self._read(context, link, length_ns)
            after = [at for at in steps.after_ns if at < length_ns]
            if len(after) > MOST_RATES:
                raise context.error(
                    f"{len(after):,} changes of rate; {MOST_RATES:,} at most",
                    hint="write a longer window: or an earlier until:",
                    key="file",
                )
            low, high = min(steps.rates_bps[: len(after)]), max(steps.rates_bps[: len(after)])
            mean = format_rate(round(steps.mean_bps(length_ns) / 1000) * 1000)
            text = (
                f"{link.name} towards {end}: rate follows {self.file}, {format_rate(low)} to"
                f" {format_rate(high)}, mean {mean}"
            )
            context.step(
                LinkRates(link.name, end, tuple(after), steps.rates_bps[: len(after)], source),
                text,
                at_ns=self.at_ns,
                until_ns=self.until,
            )

    def _read(self, context: PlanContext, link: LinkPlan, length_ns: int) -> tuple[RateSteps, str]:
        """Return the rates, and in words where they are from.

        Raises ``SpecError`` at the file's line.
        """
        text = context.read_beside(self.file, key="file")
        place = str(context.draft.folder / self.file)
        if self.file.lower().endswith(".csv"):
            steps = parse_rates(text, place)
            for rate in steps.rates_bps:
                if 0 < rate < MIN_RATE_BPS:
                    raise context.error(
                        f"'{self.file}' has a rate of {format_rate(rate)}",
                        hint=f"write 0, or {format_rate(MIN_RATE_BPS)} or more",
                        key="file",
                    )
            return steps, f"rates of {self.file}"
        mtu = min(
            interface.mtu
            for end in (link.a, link.b)
            for interface in context.node(end.node).interfaces
            if interface.name == end.interface
        )
        times = parse_opportunities(text, place)
        found = rates_of_opportunities(
            times, window_ns=self.window, length_ns=length_ns, frame_bytes=frame_bytes(mtu)
        )
        windows = (
            f"opportunities of {self.file} counted in windows of {format_duration(self.window)}"
        )
        words = f"{windows}: at most {found.largest_gap_packets:.1f} packets from the file"
        return found.steps, words
