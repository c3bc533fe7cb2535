"""``fault``: act on chosen TCP segments of a flow, exactly and repeatably."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.actions.common import BuiltinAction, Port
from tcpexp.plan.context import PlanContext
from tcpexp.plan.paths import Hop, crossings
from tcpexp.plan.types import DirectionPlan, FlowPlan, LinkPlan, SegmentFault
from tcpexp.units import Duration, QuantityError, format_duration

#: The program has room for so many rules; every number in a list is one.
MOST_NUMBERS = 32
#: Of these a flow has one in each direction; all that can repeat is its transmission.
SINGLE = ("syn", "syn-ack", "fin")
#: Of these nothing is ever sent again: a later one is a new one.
NEVER_AGAIN = ("rst", "pure-ack", "window-update", "any")

Segment = Literal["syn", "syn-ack", "data", "fin", "rst", "pure-ack", "window-update", "any"]
Number = Annotated[int, Field(ge=1, le=10**12)]
Numbers = int | tuple[int, ...]


class Fault(BuiltinAction):
    """Drop, duplicate, corrupt or delay chosen TCP segments: the N-th of a kind in a flow, and only
    it.

    Segments are counted in each connection on its own, from its beginning, in the direction from
    `from` to the other host, where they come out of the link's bottleneck: what its queue drops is
    not counted. A retransmission is not a new data segment; `transmission` tells it from the
    original. `at` and `until` say when the fault may act; counting goes on meanwhile. Where two
    faults choose the same segment, the first in the file acts. The check `fault` asks whether it
    did, the table `faults` holds what was done, and docs/guides/faults.md says more.
    """

    redefines: ClassVar[tuple[str, ...]] = ("every",)
    example: ClassVar[str] = """\
- {do: http_server, host: h2}
- {at: 1s, do: http_get, id: get, from: h1, to: h2}
- {do: fault, id: lose_20, flow: get, segment: data, nth: 20, effect: drop}
- {do: fault, from: h2, port: 80, segment: syn-ack, transmission: [1, 2], effect: drop}
- {at: 5s, until: 20s, do: fault, link: h1-h2, from: h1, every: 1000, effect: drop}
- {do: fault, flow: get, bytes: [10000, 11999], transmission: all, effect: corrupt, until: 3s}
- {do: fault, flow: get, nth: [20, 40], effect: delay, delay: 30ms}"""

    do: Literal["fault"] = "fault"
    effect: Literal["drop", "duplicate", "corrupt", "delay"] = Field(
        description=(
            "`drop` it, send it on twice (`duplicate`), damage it so that its checksum no longer"
            " fits (`corrupt`), or `delay` it"
        )
    )
    segment: Segment = Field(
        default="data",
        description=(
            "kind of segment: `syn`, `syn-ack`, `data` (any with payload), `fin`, `rst`, `pure-ack`"
            " (no payload, SYN, FIN or RST), `window-update` (a pure ACK that repeats the"
            " acknowledgment number, widens the window and has no SACK block) or `any`"
        ),
    )
    nth: Numbers | None = Field(
        default=None,
        description="which one, from 1 on, or a list; the first when nothing else is said",
    )
    every: Number | None = Field(
        default=None, description="every so many segments instead, such as 1000"
    )
    first: Number | None = Field(
        default=None, description="the first one of `every`; the same number as `every` when silent"
    )
    bytes: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        description=(
            "data segments with any of these bytes of the stream instead: first and last, where 0"
            " is the stream's first"
        ),
    )
    transmission: Literal["all"] | Numbers = Field(
        default=1, description="1 is the original, 2 its first retransmission; a list, or `all`"
    )
    delay: Duration | None = Field(
        default=None,
        gt=0,
        description="with `effect: delay`: how much longer than the others it takes",
    )
    flow: str | None = Field(
        default=None,
        description="name of the flow, which an action above starts; any connection when silent",
    )
    port: Port | None = Field(
        default=None, description="only connections with this port at either end"
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        description="the host that sends the segments; the sender of the flow's data when silent",
    )
    to: str | None = Field(
        default=None,
        description="the host that they are meant for; the flow's other end, or any, when silent",
    )
    link: str | None = Field(
        default=None,
        description="where; when silent the only link on the way, or the only one with parameters",
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if sum(choice is not None for choice in (self.nth, self.every, self.bytes)) > 1:
            raise QuantityError(
                "'nth', 'every' and 'bytes' each say which segments", "keep one of them"
            )
        if self.first is not None and self.every is None:
            raise QuantityError("'first' belongs to 'every'", "write nth: for a single segment")
        if self.bytes is not None and (self.segment != "data" or self.bytes[1] < self.bytes[0]):
            raise QuantityError(
                "'bytes' are the first and the last byte of a range of data",
                "write segment: data, bytes: [10000, 11999]",
            )
        if self.segment in SINGLE and (self._numbers() not in ((), (1,)) or self.every is not None):
            raise QuantityError(
                f"a connection has one {self.segment} in each direction",
                "choose among its transmissions: transmission: [1, 2]",
            )
        if self.segment in NEVER_AGAIN and self._transmissions() != (1,):
            raise QuantityError(
                f"'{self.segment}' segments are not retransmitted; each is a new one",
                "leave transmission out",
            )
        if (self.delay is not None) != (self.effect == "delay"):
            raise QuantityError(
                "'delay' and effect: delay belong together", "write effect: delay, delay: 30ms"
            )
        if self.nth is not None and not (
            1 <= len(self._numbers()) <= MOST_NUMBERS and min(self._numbers()) >= 1
        ):
            raise QuantityError(
                "'nth' is not a number from 1 on, or a list of up to 32",
                "write nth: 20 or nth: [20, 22]",
            )
        if self.transmission != "all" and not (
            self._transmissions() and all(1 <= number <= 63 for number in self._transmissions())
        ):
            raise QuantityError(
                "'transmission' is not a number from 1 to 63, nor a list of such",
                "1 is the original, 2 its first retransmission",
            )
        if self.flow is None and self.from_ is None:
            raise QuantityError("whose segments?", "name the sending host (from: h1) or a flow")
        if self.flow is not None and self.port is not None:
            raise QuantityError("a flow has its port already", "leave port or flow out")
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the fault: before zero when it is active from the start."""
        flow = None if self.flow is None else context.flow_named(self.flow)
        source, target = self._ends(context, flow)
        link, towards = self._where(context, source, target)
        if self.effect == "corrupt" and any(
            interface.offloads for interface in context.node(source).interfaces
        ):
            hint = f"leave offloads out for {source}"
            raise context.error(
                f"{source} leaves checksums to its interface (offloads: true), so nobody would"
                " notice damage",
                hint=hint,
                key="effect",
            )
        ports: tuple[int | None, int | None] = (None, None)
        if flow is not None:
            ports = (None, flow.port) if source == flow.client else (flow.port, None)
        nth = self._numbers() or (() if self.every or self.bytes else (1,))
        skipped = 1 if flow is not None and flow.data_connections == "not_first" else 0
        fault = SegmentFault(
            link,
            towards,
            source,
            target,
            *ports,
            self.port,
            skipped,
            self.segment,
            nth,
            self.first or self.every,
            self.every,
            self.bytes or (),
            self._transmissions(),
            self.effect,
            self.delay or 0,
        )
        if self.at_ns == 0:
            context.setup(fault, self._label(source), until_ns=self.until)
        else:
            context.step(fault, self._label(source), at_ns=self.at_ns, until_ns=self.until)

    def _numbers(self) -> tuple[int, ...]:
        """Return the numbers of ``nth``, each once; none when it is silent."""
        named = self.nth if self.nth is not None else ()
        return tuple(dict.fromkeys((named,) if isinstance(named, int) else named))

    def _transmissions(self) -> tuple[int, ...]:
        """Return the transmissions in order; none for all."""
        if self.transmission == "all":
            return ()
        return (
            (self.transmission,)
            if isinstance(self.transmission, int)
            else tuple(sorted(set(self.transmission)))
        )

    def _ends(self, context: PlanContext, flow: FlowPlan | None) -> tuple[str, str | None]:
        """Return who sends, and to whom (None: anybody)."""
        if flow is None:
            target = None if self.to is None else context.host(self.to, key="to")
            return context.host(self.from_ or "", key="from"), target
        source = flow.sender if self.from_ is None else context.host(self.from_, key="from")
        if source not in (flow.client, flow.server):
            raise context.error(
                f"{source} is no end of the flow '{flow.name}'",
                hint=f"write {flow.client} or {flow.server}",
                key="from",
            )
        target = flow.server if source == flow.client else flow.client
        if self.to not in (None, target):
            raise context.error(
                f"what {source} sends in the flow '{flow.name}' is meant for {target}",
                hint="leave to out",
                key="to",
            )
        return source, target

    def _where(self, context: PlanContext, source: str, target: str | None) -> tuple[str, str]:
        """Return the link, and the node at which the direction ends."""
        crossed = crossings(context.network, source, target)
        to = target or "other hosts"
        if self.link is not None:
            link = context.link(self.link)
            for hop in crossed:
                if hop.link.name == link.name:
                    return hop.key
            raise context.error(
                f"segments from {source} to {to} do not cross link {link.name}",
                hint=_links(crossed),
                key="link",
            )
        shaped = [hop for hop in crossed if _has_parameters(hop.link)]
        candidates = crossed if len(crossed) == 1 else shaped
        if len(candidates) != 1:
            raise context.error(
                f"segments from {source} to {to} cross several links, so name one",
                hint=_links(crossed),
            )
        return candidates[0].key

    def _label(self, source: str) -> str:
        """Return what is done in words: ``drop data segment 20 of get``."""
        which = ""
        if self.nth is not None:
            which = " " + ", ".join(str(number) for number in self._numbers())
        elif self.every is not None:
            which = f", every {self.every}th"
        elif self.bytes is not None:
            which = f" with bytes {self.bytes[0]} to {self.bytes[1]}"
        elif self.segment not in SINGLE:
            which = " 1"
        again = ""
        if self.transmission == "all":
            again = ", all transmissions"
        elif self._transmissions() != (1,):
            again = f", transmission {', '.join(str(number) for number in self._transmissions())}"
        by = "" if self.delay is None else f" by {format_duration(self.delay)}"
        words = {"syn": "SYN", "syn-ack": "SYN-ACK", "fin": "FIN"}.get(
            self.segment, f"{self.segment} segment"
        )
        return (
            f"{self.effect} {words}{which}{again}"
            f" {f'of {self.flow}' if self.flow else f'from {source}'}{by}"
        )


def _has_parameters(link: LinkPlan) -> bool:
    return (link.forward, link.backward) != (DirectionPlan(), DirectionPlan())


def _links(crossed: list[Hop]) -> str:
    names = " or ".join(hop.link.name for hop in crossed)
    return f"write link: {names}" if names else "there is no way between them"
