"""What has to hold of every run: numbers that plain tshark and the kernel count too, what links
offered, shares, and an explanation that fits the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tcpexp.analysis.activity import activity_of
from tcpexp.analysis.pathsteps import offered_to
from tcpexp.plan.types import RunPlan
from tcpexp.report.explanation import MISSING, answer_of, explanation_of
from tcpexp.spec.quotes import fill
from tcpexp.store.rundata import RunData
from tests.support import plain_counts

#: A token bucket lets this much pass at once, beside its rate: two full frames
#: (docs/concepts/links.md).
BURST_BITS = 2 * 1514 * 8


def broken(run_dir: Path) -> list[str]:
    """Return a sentence for each thing that does not hold of a run."""
    run = RunData(run_dir)
    return [
        *plain_counts.differences(plain_counts.read_run(run_dir)),
        *beyond_the_link(run),
        *unshared(run),
        *unexplained(run),
    ]


def beyond_the_link(run: RunData) -> Iterator[str]:
    """Yield each flow that delivered more than the slowest link on its way offered meanwhile, each
    direction filled by more than it offered.
    """
    for flow in run.plan.flows:
        metrics, active = run.metrics["flows"][flow.name], activity_of(run, flow)
        if active is None:
            continue
        offered = offered_to(run, flow, active.from_ns, active.to_ns)
        if offered is not None and active.goodput_bytes * 8 > offered + BURST_BITS:
            yield (
                f"flow {flow.name} delivered {active.goodput_bytes * 8} bits on a link that offered"
                f" {offered:.0f}"
            )
        if metrics["utilization"] is not None and metrics["utilization"] > 1 + BURST_BITS / (
            offered or 1
        ):
            yield f"flow {flow.name} used {metrics['utilization']} of its link"
    for towards, shared in run.metrics["fairness"].items():
        if shared["utilization"] is not None and shared["utilization"] > 1:
            yield f"the flows towards {towards} used {shared['utilization']} of the link"


def unshared(run: RunData) -> Iterator[str]:
    """Yield each direction whose shares do not sum to 1."""
    for direction in run.metrics["shares"]["directions"]:
        for part in ("whole", "together"):
            shares = [
                share
                for share in (direction[part] or {"share": {}})["share"].values()
                if share is not None
            ]
            if shares and abs(sum(shares) - 1) > 1e-9:
                yield f"the shares of {direction['flows']} ({part}) sum to {sum(shares)}"


def unexplained(run: RunData) -> Iterator[str]:
    """Yield what is wrong with the run's answer and explanation: a number that the run did not
    measure, a brace that was not filled in.
    """
    for what, text in (("answer", answer_of(run)), ("explanation", explanation_of(run))):
        if MISSING in text:
            yield f"the {what} of {run.plan.name} quotes what this run did not measure: {text}"
        if re.search(r"\{(metric|check|is):", text):
            yield f"the {what} of {run.plan.name} has a quote that was not filled in"


# ----------------------------------------------------------------------------------------------
# numbers that are written, not quoted

_UNITS = {
    "ns": ("time", 1e-9),
    "µs": ("time", 1e-6),
    "us": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "s": ("time", 1.0),
    "seconds": ("time", 1.0),
    "minutes": ("time", 60.0),
    "hours": ("time", 3600.0),
    "min": ("time", 60.0),
    "bit/s": ("rate", 1.0),
    "kbit/s": ("rate", 1e3),
    "Mbit/s": ("rate", 1e6),
    "Gbit/s": ("rate", 1e9),
    "kbit": ("rate", 1e3),
    "mbit": ("rate", 1e6),
    "gbit": ("rate", 1e9),
    "bytes": ("size", 1.0),
    "B": ("size", 1.0),
    "kB": ("size", 1e3),
    "MB": ("size", 1e6),
    "KiB": ("size", 1024.0),
    "MiB": ("size", 1048576.0),
    "%": ("part", 0.01),
    "segments": ("count", 1.0),
    "packets": ("count", 1.0),
    "p": ("count", 1.0),
    "ACKs": ("count", 1.0),
    "SYNs": ("count", 1.0),
    "samples": ("count", 1.0),
    "retransmissions": ("count", 1.0),
    "bdp": ("bdp", 1.0),
    "BDPs": ("bdp", 1.0),
}
_VALUE = r"\d[\d,]*(?:\.\d+)?"
_TOKEN = re.compile(
    rf"((?:{_VALUE}(?:,| and| or| to)\s)*)({_VALUE})\s?"
    rf"({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/])"
)
_CODE = re.compile(r"`[^`]*`")
#: Keys of a spec that are text, or offers: their numbers are no parameters of the run.
PROSE = ("title", "description", "references", "answer", "explain", "questions", "knobs")

Number = tuple[str, float]


def numbers_in(text: str) -> Iterator[tuple[Number, str]]:
    """Yield ((dimension, value in its base unit), the words) of each number with a unit, also of
    lists such as ``0, 1 and 3 s``.
    """
    for token in _TOKEN.finditer(text):
        dimension, factor = _UNITS[token[3]]
        for value in [*re.findall(_VALUE, token[1]), token[2]]:
            number = float(value.rstrip(",").replace(",", ""))
            yield (dimension, float(f"{number * factor:.9g}")), f"{value} {token[3]}"


def written(spec: Path) -> list[tuple[Number, str]]:
    """Return the numbers with a unit that the answer and the explanation of a spec state
    themselves, outside of quotes and `code`.
    """
    document = yaml.safe_load(spec.read_text(encoding="utf-8"))
    text = f"{document.get('answer') or ''}\n{document.get('explain') or ''}"
    return list(numbers_in(_CODE.sub(" ", fill(text, lambda quote: "…"))))


def constants_of(spec: Path, plan: RunPlan | None) -> set[float]:
    """Return the values that a spec's parameters have: whatever stands in it besides its prose, and
    the delays and products of its links.
    """
    document = yaml.safe_load(spec.read_text(encoding="utf-8"))
    found: set[float] = set()
    _collect(
        {key: value for key, value in document.items() if key not in PROSE},
        found,
    )
    for link in plan.network.links if plan is not None else ():
        delays = (link.forward.delay_ns / 1e9, link.backward.delay_ns / 1e9, link.base_rtt_ns / 1e9)
        found |= set(delays)
        for rate in {link.forward.rate_bps, link.backward.rate_bps} - {None}:
            found |= {float(rate or 0), round(float(rate or 0) * delays[2] / 8)}
    return {float(f"{number:.9g}") for number in found}


def _collect(value: Any, found: set[float]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "because":
                _collect(inner, found)
                _collect(key, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found.add(float(value))
    elif isinstance(value, str):
        found.update(number for (_, number), _ in numbers_in(value))
        found.update(
            float(text.replace(",", ""))
            for text in re.findall(rf"(?<![\w.]){_VALUE}", value)
            if text.replace(",", "").replace(".", "", 1).isdigit()
        )
