"""Link parameters of a spec to the plan's ``DirectionPlan``: what a queue's limit is in packets or
bytes (docs/concepts/links.md).
"""

from __future__ import annotations

from typing import Any

from tcpexp.plan.queues import ParameterError, describe_queue, frame_bytes, queue_plan
from tcpexp.plan.types import DirectionPlan, LossPlan, PolicerPlan
from tcpexp.spec.links import GilbertElliott, LinkParameters
from tcpexp.units import format_duration, format_fraction, format_rate, format_size


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
        policer=policer_plan(parameters, mtu=mtu),
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


def policer_plan(parameters: LinkParameters, *, mtu: int) -> PolicerPlan | None:
    """Return the policer of a direction; raises ``ParameterError``."""
    policer = parameters.policer
    if policer is None:
        return None
    frame = frame_bytes(mtu)
    if policer.burst < frame:
        raise ParameterError(
            "policer",
            f"a burst of {policer.burst} bytes lets no full frame pass, which has {frame}",
            f"write burst: {frame}B or more",
        )
    return PolicerPlan(policer.rate, policer.burst)


def loss_plan(loss: float | GilbertElliott) -> LossPlan | None:
    """Return the loss of a direction, None for a loss of 0."""
    if isinstance(loss, GilbertElliott):
        return LossPlan("gilbert_elliott", loss.p, loss.r, loss.bad_loss, loss.good_loss)
    return LossPlan("random", loss) if loss else None


def describe_direction(direction: DirectionPlan) -> str:
    """Return a direction in words: ``10mbit, queue 33 packets, delay 20ms``.

    ``no limits`` when nothing is set.
    """
    words: list[str] = []
    if direction.policer is not None:
        rate, burst = direction.policer.rate_bps, direction.policer.burst_bytes
        words.append(f"policed to {format_rate(rate)} with bursts of {format_size(burst)}")
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
