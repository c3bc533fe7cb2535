"""The bottleneck's queue of a spec to the plan's ``QueuePlan``: its limit in packets or bytes, its
discipline's settings, and its classes (docs/concepts/links.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tcpexp.errors import SpecError
from tcpexp.plan.types import ClassFilter, ClassPlan, QueuePlan, QueueSetting
from tcpexp.record.disciplines import DISCIPLINES
from tcpexp.spec.disciplines import (
    ALWAYS_MARKING,
    BYTE_DISCIPLINES,
    ECN_DISCIPLINES,
    ClassMatch,
    Htb,
    NamedDiscipline,
    discipline_name,
)
from tcpexp.spec.links import LinkParameters
from tcpexp.units import QueueLimit, format_rate, format_size

ETHERNET_HEADER_BYTES = 14
DEFAULT_QUEUE = QueueLimit("bdp", Decimal(1))
SMALLEST_DEFAULT_QUEUE_PACKETS = 10
SECOND_NS = 1_000_000_000
#: The discipline that marks at a threshold.
MARKING_DISCIPLINE = "red"


class ParameterError(SpecError):
    """A parameter that does not fit the others.

    ``key`` names it, ``other`` what it does not fit, where that is one.
    """

    def __init__(self, key: str, message: str, hint: str, other: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key
        self.other = other

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters at one of whose places the error is, the best first."""
        return (self.key,) if self.other is None else (self.key, self.other)


def frame_bytes(mtu: int) -> int:
    """Return the bytes of a full frame as the kernel counts them: 1514 for an MTU of 1500."""
    return mtu + ETHERNET_HEADER_BYTES


def bdp_bytes(rate_bps: int, base_rtt_ns: int) -> Fraction:
    """Return the bandwidth-delay product in bytes, exact."""
    return Fraction(rate_bps * base_rtt_ns, 8 * SECOND_NS)


def queue_plan(parameters: LinkParameters, *, base_rtt_ns: int, mtu: int) -> QueuePlan:
    """Return the bottleneck's queue with its limit in packets or bytes.

    Raises ``ParameterError``.
    """
    limit = parameters.queue or DEFAULT_QUEUE
    _check_marking(parameters)
    discipline = discipline_name(parameters.discipline) or (
        MARKING_DISCIPLINE if parameters.mark_at else "bfifo" if limit.kind == "bytes" else "pfifo"
    )
    _check_ecn(parameters, discipline)
    frame = frame_bytes(mtu)
    size = limit_bytes(limit, rate_bps=parameters.rate or 0, base_rtt_ns=base_rtt_ns, frame=frame)
    if limit.kind == "bytes" and size < frame:
        cause = f"a queue of {limit.amount:f} bytes never holds a full frame, which has {frame}"
        raise ParameterError("queue", cause, f"write queue: {frame}B or more, or queue: 1p")
    packets = max(1, _nearest(size / frame))
    if parameters.queue is None:
        packets = max(SMALLEST_DEFAULT_QUEUE_PACKETS, packets)
        size = Fraction(max(_nearest(size), packets * frame))
    if discipline in BYTE_DISCIPLINES:
        options = red_options(parameters.rate or 0) if discipline == "red" else ()
        if parameters.mark_at is not None:
            options = marking_options(
                parameters.mark_at,
                rate_bps=parameters.rate or 0,
                base_rtt_ns=base_rtt_ns,
                frame=frame,
            )
            if int(options[1]) >= size:
                raise ParameterError(
                    "mark_at",
                    f"the queue is full before {parameters.mark_at} wait in it",
                    "lower mark_at, or raise queue",
                )
        return QueuePlan(
            discipline,
            None,
            max(frame, _nearest(size)),
            bool(parameters.ecn) or parameters.mark_at is not None,
            options,
        )
    if limit.kind == "bytes":
        raise ParameterError(
            "queue",
            f"{discipline} counts packets, not bytes",
            f"write queue: {packets}p or discipline: bfifo",
        )
    chosen = parameters.discipline
    settings: tuple[QueueSetting, ...] = ()
    if discipline in DISCIPLINES:
        given = chosen.given() if isinstance(chosen, NamedDiscipline) else {}
        settings = settings_of(discipline, given, limit=packets, frame=frame)
    classes: tuple[ClassPlan, ...] = ()
    if isinstance(chosen, Htb):
        classes = class_plans(
            chosen,
            rate_bps=parameters.rate or 0,
            base_rtt_ns=base_rtt_ns,
            frame=frame,
            limit=packets,
        )
    ecn = bool(parameters.ecn) or discipline in ALWAYS_MARKING
    return QueuePlan(discipline, packets, None, ecn, (), settings, classes)


def _check_ecn(parameters: LinkParameters, discipline: str) -> None:
    """Refuse ``ecn`` where the discipline cannot do what it says."""
    if parameters.ecn and discipline not in ECN_DISCIPLINES:
        raise ParameterError(
            "ecn",
            f"{discipline} does not mark packets",
            f"write discipline: {', '.join(ECN_DISCIPLINES[:-1])} or {ECN_DISCIPLINES[-1]}",
            "discipline",
        )
    if parameters.ecn is False and discipline in ALWAYS_MARKING:
        raise ParameterError(
            "ecn",
            f"{discipline} marks every packet that allows it, and cannot be told not to",
            "take fq_codel, or leave ecn out",
        )


def settings_of(
    discipline: str, given: Mapping[str, float], *, limit: int, frame: int
) -> tuple[QueueSetting, ...]:
    """Return every setting of a discipline that is on, the kernel's default where none is given.

    Raises ``ParameterError``.
    """
    values = {one.name: given.get(one.name, one.resolved(frame)) for one in DISCIPLINES[discipline]}
    if discipline == "choke":
        top = values["max"] = values["max"] or max(2, limit // 4)
        low = values["min"] = values["min"] or max(1, int(top) // 3)
        if not low < top <= limit:
            raise ParameterError(
                "discipline",
                f"choke with min {low:.0f}, max {top:.0f} and a queue of {limit} packets",
                "min is below max, and max is no more than the queue",
            )
    if discipline == "sfq":
        _check_sfq(values, limit)
    return tuple(
        QueueSetting(name, float(value)) for name, value in values.items() if value is not None
    )


#: The kernel's limit of fq (net/sched/sch_fq.c), in front of a host.
HOST_LIMIT_PACKETS = 10_000


def host_queue(discipline: str | NamedDiscipline | None, mtu: int) -> QueuePlan | None:
    """Return the discipline in front of a host's interfaces."""
    name = discipline_name(discipline)
    if name is None:
        return None
    given: dict[str, float] = discipline.given() if isinstance(discipline, NamedDiscipline) else {}
    settings = settings_of(name, given, limit=HOST_LIMIT_PACKETS, frame=frame_bytes(mtu))
    return QueuePlan(name, HOST_LIMIT_PACKETS, None, False, (), settings)


def _check_sfq(values: dict[str, float | None], limit: int) -> None:
    """Bring sfq's settings into the kernel's bounds (sfq_change in net/sched/sch_sfq.c), or refuse
    them.
    """
    depth, flows, divisor = (values[name] or 0 for name in ("depth", "flows", "divisor"))
    if round(divisor) & (round(divisor) - 1):
        raise ParameterError(
            "discipline", f"divisor {divisor:.0f} is no power of two", "write 1024, 2048..."
        )
    if not 2 <= limit <= depth * flows:
        raise ParameterError(
            "queue",
            f"sfq holds 2 to depth x flows = {depth * flows:.0f} packets, asked {limit}",
            "name another queue, or raise depth or flows of the discipline",
        )
    values["flows"] = min(flows, divisor, limit)


def class_plans(
    htb: Htb, *, rate_bps: int, base_rtt_ns: int, frame: int, limit: int
) -> tuple[ClassPlan, ...]:
    """Return the classes of htb; raises ``ParameterError``.

    Who borrows sends ``quantum`` bytes per round: one full frame for the class with the lowest
    rate, and for the others as much more as their rates are higher.
    """
    total = sum(one.rate for one in htb.classes.values())
    if total > rate_bps:
        raise ParameterError(
            "discipline",
            f"the classes' rates sum to {format_rate(total)}, more than the link's"
            f" {format_rate(rate_bps)}",
            "what is guaranteed must be there",
            "rate",
        )
    least = min(one.rate for one in htb.classes.values())
    found = []
    for name, one in htb.classes.items():
        own = limit
        if one.queue is not None:
            size = limit_bytes(one.queue, rate_bps=one.rate, base_rtt_ns=base_rtt_ns, frame=frame)
            own = max(1, _nearest(size / frame))
        found.append(
            ClassPlan(
                name,
                one.rate,
                None if one.ceil is None or one.ceil >= rate_bps else one.ceil,
                one.prio,
                max(frame, round(frame * one.rate / least)),
                own,
                tuple(each for match in one.match for each in _filters(match)),
            )
        )
    return tuple(found)


def _filters(match: ClassMatch) -> Iterator[ClassFilter]:
    """Yield the filters of a match, hosts and flows still by name."""
    protocol = match.protocol or ("tcp" if match.port or match.flow else None)
    yield ClassFilter(
        source=match.from_,
        target=match.to,
        protocol=protocol,
        dscp=match.dscp,
        flow=match.flow,
        either_port=match.port,
    )


def note_on_queue(parameters: LinkParameters, *, base_rtt_ns: int, mtu: int) -> str | None:
    """Return what to say of a queue in time or bandwidth-delay products that is less than one full
    frame, and therefore made as long as one.
    """
    limit = parameters.queue
    if limit is None or parameters.rate is None or limit.kind not in ("time", "bdp"):
        return None
    size, frame = (
        limit_bytes(
            limit, rate_bps=parameters.rate, base_rtt_ns=base_rtt_ns, frame=frame_bytes(mtu)
        ),
        frame_bytes(mtu),
    )
    return (
        f"queue {limit} is {float(size):.4g} bytes, less than a full frame of {frame}: it holds one"
        " frame instead"
        if size < frame
        else None
    )


def red_options(rate_bps: int) -> tuple[str, ...]:
    """Return what tc must know of RED besides the limit.

    Its thresholds are then limit/12 and limit/4 (tc-red(8)).
    """
    return ("avpkt", "1000", "bandwidth", f"{rate_bps}bit", "probability", "0.02")


def marking_options(
    threshold: QueueLimit, *, rate_bps: int, base_rtt_ns: int, frame: int
) -> tuple[str, ...]:
    """Return tc's words that make RED mark at a step, as DCTCP's switches do (Alizadeh et al.,
    SIGCOMM 2010, section 3.1).

    Both thresholds are the same whole number of full frames. With ``burst`` of that many packets tc
    chooses the shortest memory of RED's mean queue, which is then half the packet before.
    ``nodrop``: packets that cannot be marked pass, so the queue drops at its limit only.
    """
    packets = max(
        1,
        _nearest(
            limit_bytes(threshold, rate_bps=rate_bps, base_rtt_ns=base_rtt_ns, frame=frame) / frame
        ),
    )
    level = str(packets * frame)
    return (
        "min",
        level,
        "max",
        level,
        "avpkt",
        str(frame),
        "burst",
        str(packets),
        "bandwidth",
        f"{rate_bps}bit",
        "probability",
        "1",
        "nodrop",
    )


def _check_marking(parameters: LinkParameters) -> None:
    """Refuse words that contradict ``mark_at``."""
    if parameters.mark_at is None:
        return
    if discipline_name(parameters.discipline) not in (None, MARKING_DISCIPLINE):
        raise ParameterError(
            "mark_at",
            f"{discipline_name(parameters.discipline)} marks by rules of its own",
            "leave discipline out, or leave mark_at out and write ecn: true",
        )
    if parameters.ecn is False:
        raise ParameterError(
            "mark_at", "mark_at marks, and ecn: false says not to", "leave one of the two out"
        )


def limit_bytes(limit: QueueLimit, *, rate_bps: int, base_rtt_ns: int, frame: int) -> Fraction:
    """Return a limit in bytes of full frames, exact.

    Raises ``ParameterError`` for ``bdp`` without any delay.
    """
    amount = Fraction(limit.amount)
    if limit.kind == "packets":
        return amount * frame
    if limit.kind == "bytes":
        return amount
    if limit.kind == "time":
        return amount * rate_bps / (8 * SECOND_NS)
    return amount * bdp_bytes(rate_bps, base_rtt_ns)


def _nearest(value: Fraction) -> int:
    """Return the nearest whole number, halves up."""
    return int(
        (Decimal(value.numerator) / Decimal(value.denominator)).to_integral_value(
            rounding=ROUND_HALF_UP
        )
    )


def describe_queue(queue: QueuePlan) -> str:
    """Return a queue in words: ``queue 33 packets``, ``fq_codel queue 100 packets, ecn``, ``queue
    151400 B, marks above 30280 B``.
    """
    size = (
        f"{queue.limit_packets} packets"
        if queue.limit_packets is not None
        else format_size(queue.limit_bytes or 0)
    )
    kind = "" if queue.discipline in ("pfifo", "bfifo") else f"{queue.discipline} "
    if "nodrop" in queue.options:
        return f"queue {size}, marks above {format_size(int(queue.options[1]))}"
    classes = f", classes {', '.join(one.name for one in queue.classes)}" if queue.classes else ""
    return f"{kind}queue {size}" + (", ecn" if queue.ecn else "") + classes
