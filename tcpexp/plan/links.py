"""Link parameters of a spec to the plan's ``DirectionPlan``: what a queue's limit is in packets or
bytes (docs/concepts/links.md).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from tcpexp.errors import SpecError
from tcpexp.plan.types import DirectionPlan, LossPlan, QueuePlan
from tcpexp.spec.links import BYTE_DISCIPLINES, ECN_DISCIPLINES, GilbertElliott, LinkParameters
from tcpexp.units import QueueLimit, format_duration, format_fraction, format_rate, format_size

ETHERNET_HEADER_BYTES = 14
DEFAULT_QUEUE = QueueLimit("bdp", Decimal(1))
SMALLEST_DEFAULT_QUEUE_PACKETS = 10
SECOND_NS = 1_000_000_000
#: The discipline that marks at a threshold.
MARKING_DISCIPLINE = "red"
#: Those whose marking has no switch.
ALWAYS_MARKING = ("cake",)


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


def direction_plan(parameters: LinkParameters, *, base_rtt_ns: int, mtu: int) -> DirectionPlan:
    """Return one direction of a link; ``base_rtt_ns`` is what ``bdp`` means. Raises
    ``ParameterError``.

    What belongs to a parameter that is 0 or switched off (a jitter's distribution, a bottleneck's
    queue) is left out with it.
    """
    check_parameters(parameters)
    loss, jitter, reorder = parameters.loss, parameters.jitter, parameters.reorder
    return DirectionPlan(
        rate_bps=parameters.rate,
        queue=(
            queue_plan(parameters, base_rtt_ns=base_rtt_ns, mtu=mtu)
            if parameters.rate is not None
            else None
        ),
        delay_ns=parameters.delay or 0,
        jitter_ns=jitter or 0,
        jitter_correlation=(parameters.jitter_correlation or 0.0) if jitter else 0.0,
        jitter_distribution=parameters.jitter_distribution if jitter else None,
        loss=loss_plan(loss) if loss is not None else None,
        duplicate=parameters.duplicate or 0.0,
        duplicate_correlation=(
            (parameters.duplicate_correlation or 0.0) if parameters.duplicate else 0.0
        ),
        corrupt=parameters.corrupt or 0.0,
        corrupt_correlation=(parameters.corrupt_correlation or 0.0) if parameters.corrupt else 0.0,
        reorder=reorder or 0.0,
        reorder_correlation=(parameters.reorder_correlation or 0.0) if reorder else 0.0,
        reorder_gap=parameters.reorder_gap if reorder else None,
    )


#: (a parameter, what it belongs to, what to do when that is absent)
_BELONGS_TO: tuple[tuple[str, str, str], ...] = (
    ("queue", "rate", "a queue only fills in front of a bottleneck: add rate"),
    ("discipline", "rate", "a queue discipline only works in front of a bottleneck: add rate"),
    ("ecn", "rate", "marking happens in the bottleneck's queue: add rate"),
    ("mark_at", "rate", "marking happens in the bottleneck's queue: add rate"),
    ("jitter_correlation", "jitter", "add jitter"),
    ("jitter_distribution", "jitter", "add jitter"),
    ("reorder_correlation", "reorder", "add reorder"),
    ("reorder_gap", "reorder", "add reorder"),
    ("duplicate_correlation", "duplicate", "add duplicate"),
    ("corrupt_correlation", "corrupt", "add corrupt"),
)
#: (a parameter, what it cannot work without, what to do when that is absent): here 0 does not do
#: either.
_WORKS_ON: tuple[tuple[str, str, str], ...] = (
    ("jitter", "delay", "jitter varies a delay: add delay, or switch it off as well (jitter: 0ms)"),
    (
        "reorder",
        "delay",
        "a reordered packet skips the delay: add delay, or switch it off as well (reorder: 0%)",
    ),
)


def check_parameters(parameters: LinkParameters) -> None:
    """Refuse parameters that mean nothing without another; raises ``ParameterError``.

    What belongs to a parameter that is 0 or switched off is no mistake: it waits for that to come
    back.
    """
    for key, other, hint in _BELONGS_TO:
        if getattr(parameters, key) and parameters.is_silent(other):
            raise ParameterError(key, f"{key} means nothing without {other}", hint, other)
    for key, other, hint in _WORKS_ON:
        if getattr(parameters, key) and not getattr(parameters, other):
            raise ParameterError(key, f"{key} means nothing without {other}", hint, other)
    if parameters.jitter and parameters.delay is not None and parameters.jitter > parameters.delay:
        raise ParameterError(
            "jitter",
            "the jitter is larger than the delay",
            "no packet arrives before it was sent",
            "delay",
        )


def loss_plan(loss: float | GilbertElliott) -> LossPlan | None:
    """Return the loss of a direction, None for a loss of 0."""
    if isinstance(loss, GilbertElliott):
        return LossPlan("gilbert_elliott", loss.p, loss.r, loss.bad_loss, loss.good_loss)
    return LossPlan("random", loss) if loss else None


def queue_plan(parameters: LinkParameters, *, base_rtt_ns: int, mtu: int) -> QueuePlan:
    """Return the bottleneck's queue with its limit in packets or bytes.

    Raises ``ParameterError``.
    """
    limit = parameters.queue or DEFAULT_QUEUE
    _check_marking(parameters)
    discipline = parameters.discipline or (
        MARKING_DISCIPLINE if parameters.mark_at else "bfifo" if limit.kind == "bytes" else "pfifo"
    )
    if parameters.ecn and discipline not in ECN_DISCIPLINES:
        raise ParameterError(
            "ecn",
            f"{discipline} does not mark packets",
            f"write discipline: {', '.join(ECN_DISCIPLINES[:-1])} or cake",
            "discipline",
        )
    if parameters.ecn is False and discipline in ALWAYS_MARKING:
        raise ParameterError(
            "ecn",
            f"{discipline} marks every packet that allows it, and cannot be told not to",
            "take fq_codel, or leave ecn out",
        )
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
    return QueuePlan(discipline, packets, None, bool(parameters.ecn))


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
    if parameters.discipline not in (None, MARKING_DISCIPLINE):
        raise ParameterError(
            "mark_at",
            f"{parameters.discipline} marks by rules of its own",
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


def describe_direction(direction: DirectionPlan) -> str:
    """Return a direction in words: ``10mbit, queue 33 packets, delay 20ms``.

    ``no limits`` when nothing is set.
    """
    words: list[str] = []
    if direction.rate_bps is not None:
        words.append(format_rate(direction.rate_bps))
    if direction.queue is not None:
        words.append(describe_queue(direction.queue))
    if direction.delay_ns:
        words.append(f"delay {format_duration(direction.delay_ns)}")
    if direction.jitter_ns:
        words.append(
            f"jitter {format_duration(direction.jitter_ns)}" + _share(direction.jitter_correlation)
        )
    if direction.loss is not None:
        words.append(describe_loss(direction.loss))
    faults: tuple[tuple[str, Any, float], ...] = (
        ("duplicate", direction.duplicate, direction.duplicate_correlation),
        ("corrupt", direction.corrupt, direction.corrupt_correlation),
        ("reorder", direction.reorder, direction.reorder_correlation),
    )
    words += [
        f"{name} {format_fraction(value)}" + _share(correlation)
        for name, value, correlation in faults
        if value
    ]
    return ", ".join(words) or "no limits"


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
    return f"{kind}queue {size}" + (", ecn" if queue.ecn else "")


def describe_loss(loss: LossPlan) -> str:
    """Return a loss in words: ``loss 1%`` or the Gilbert-Elliott model's parameters."""
    if loss.model == "random":
        return f"loss {format_fraction(loss.p)}"
    return (
        f"loss in bursts (Gilbert-Elliott, p {format_fraction(loss.p)}, r"
        f" {format_fraction(loss.r or 0.0)})"
    )


def _share(correlation: float) -> str:
    return f" (correlation {correlation:.0%})" if correlation else ""
