"""Two runs side by side: are they the same packets, and what differs in spec, environment,
certificate, metrics and verdicts.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import load_checks
from tcpexp.errors import SpecError
from tcpexp.plan.types import to_json
from tcpexp.report.diff.captures import CaptureMatch, compare_captures
from tcpexp.report.diff.values import Difference, differences
from tcpexp.report.page.content import overrides_of
from tcpexp.spec.overrides import apply_overrides
from tcpexp.spec.yaml12 import parse_yaml
from tcpexp.views.kernel import kernel_hash, kernel_words

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.store.rundata import RunData

#: A number of ``metrics.json`` that changed by less than this (a fraction) is left out unless all
#: are asked for.
THRESHOLD = 0.01
#: Parts of ``metrics.json`` that are examples and bookkeeping, not measurements.
_NOT_MEASURED = ("metrics_schema", "examples")
#: Parts of the plan that the spec's texts make, that say the same as others, or that are there to
#: explain.
_PLAN_TEXTS = (
    "title",
    "description",
    "explain",
    "answer",
    "key",
    "questions",
    "references",
    "expect",
    "plots",
    "files",
    "plugins",
)


@dataclass(frozen=True)
class VerdictPair:
    """One check in both runs; None where a run does not make it."""

    title: str
    a: Verdict | None
    b: Verdict | None

    @property
    def differs(self) -> bool:
        """Whether the result differs, or one run does not have it."""
        return self.a is None or self.b is None or self.a.result != self.b.result


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare_runs` found.

    Every list holds only what differs, except ``captures`` and ``verdicts``, which hold all.
    """

    a: RunData
    b: RunData
    captures: list[CaptureMatch]
    spec: list[Difference]
    plan: list[Difference]
    environment: list[Difference]
    certificate: list[Difference]
    metrics: list[Difference]
    verdicts: list[VerdictPair]

    @property
    def same_packets(self) -> bool | None:
        """Whether every capture is equal byte for byte; None when neither run has one."""
        return (
            all(capture.result == "equal" for capture in self.captures) if self.captures else None
        )

    @property
    def same(self) -> bool:
        """Whether the runs show the same: the same packets, and the same result of every check."""
        return self.same_packets is not False and not any(
            verdict.differs for verdict in self.verdicts
        )

    def measured(self, threshold: float) -> list[Difference]:
        """Return the metrics that changed by more than ``threshold``, the largest changes first."""
        found = [metric for metric in self.metrics if metric.exceeds(threshold)]
        return sorted(
            found,
            key=lambda difference: (
                -abs(difference.change) if difference.change is not None else 0.0
            ),
        )

    @property
    def kernels(self) -> tuple[str, str] | None:
        """The kernels of both runs, in words, where they are not the same one."""
        if kernel_hash(self.a) == kernel_hash(self.b):
            return None
        return kernel_words(self.a), kernel_words(self.b)

    def headline(self) -> str:
        """Return the answer in a sentence or two; other kernels are said first."""
        if self.kernels is None:
            return self._packets()
        return f"Other kernels: {self.kernels[0]} in A, {self.kernels[1]} in B. {self._packets()}"

    def _packets(self) -> str:
        if self.same_packets is None:
            return "Neither run has a capture: nothing can be said about packets."
        names = ", ".join(capture.capture for capture in self.captures)
        if self.same_packets:
            return f"The same packets: the captures of both runs are equal byte for byte ({names})."
        changed = [capture for capture in self.captures if capture.result != "equal"]
        return (
            f"Not the same packets: {len(changed)} of {len(self.captures)} captures differ."
            f" {'; '.join(capture_words(difference) for difference in changed)}."
        )


def capture_words(match: CaptureMatch) -> str:
    """Return what is to be said about one capture, such as ``h1-eth0 differs from packet 812
    (3.214567 s) on``.
    """
    if match.result != "differs":
        return f"{match.capture} {'is equal' if match.result == 'equal' else 'is ' + match.result}"
    when = "" if match.first_ns is None else f" ({match.first_ns / 1e9:.6f} s)"
    return f"{match.capture} differs" + (
        f" from packet {match.first:,}{when} on" if match.first is not None else ""
    )


def compare_runs(a: RunData, b: RunData) -> Comparison:
    """Compare two runs from what lies in their directories; nothing is written.

    Metrics, certificate and verdicts are those on disk. Raises ``DataError`` when a file of a run
    is damaged.
    """
    return Comparison(
        a,
        b,
        compare_captures(a.path, b.path, a.engine.get("t0_realtime_ns")),
        differences(effective_spec(a), effective_spec(b)),
        differences(_plan(a), _plan(b)),
        differences(_environment(a), _environment(b)),
        differences(_certificate(a), _certificate(b)),
        differences(measured_values(a.metrics), measured_values(b.metrics)),
        _pair(load_checks(a.path), load_checks(b.path)),
    )


def effective_spec(run: RunData) -> dict[str, Any]:
    """Return the run's ``spec.yaml`` as plain values with the ``--set`` of its command line in it;
    empty without a spec.

    A value that can no longer be put in (the spec's language has changed since) is left out: the
    plan's part of the comparison shows it.
    """
    path = run.path / "spec.yaml"
    if not path.is_file():
        return {}
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"), str(path)).raw
    except SpecError:
        return {}
    for override in overrides_of((run.manifest or {}).get("command") or []):
        try:
            raw = apply_overrides(raw, [override])
        except SpecError:
            continue
    return raw if isinstance(raw, dict) else {}


def _plan(run: RunData) -> dict[str, Any]:
    """Return the resolved plan without its texts, nodes, links, flows and steps by their names."""
    plan: dict[str, Any] = json.loads(to_json(run.plan))
    return {key: _by_name(value) for key, value in plan.items() if key not in _PLAN_TEXTS}


def _by_name(value: Any) -> Any:
    """Return ``value`` with lists of things that have a name or an id as mappings, so that each is
    compared with its like.
    """
    if isinstance(value, dict):
        return {key: _by_name(inner) for key, inner in value.items()}
    for key in ("name", "id"):
        names = (
            [inner.get(key) for inner in value if isinstance(inner, dict)]
            if isinstance(value, list)
            else []
        )
        if names and None not in names and len(set(names)) == len(value):
            return {str(inner[key]): _by_name(inner) for inner in value}
    return [_by_name(inner) for inner in value] if isinstance(value, list) else value


def _environment(run: RunData) -> dict[str, Any]:
    manifest = run.manifest or {}
    kept = {
        key: manifest.get(key)
        for key in ("where", "clock", "image_sha256", "kernel_sha256", "status")
    }
    versions = {**(run.engine.get("versions") or {}), **(manifest.get("versions") or {})}
    return {**kept, "versions": versions, "machine": manifest.get("host") or {}}


def _certificate(run: RunData) -> dict[str, Any]:
    """Return the certificate with its items by name."""
    whole = run.certificate
    kept: dict[str, Any] = {
        key: whole.get(key) for key in ("verdict", "repeatable", "reasons") if key in whole
    }
    items = {
        str(item.get("name")): {key: item.get(key) for key in ("verdict", "asked", "measured")}
        for item in whole.get("items") or []
    }
    return {**kept, "items": items}


def measured_values(value: Any) -> Any:
    """Return metrics without examples, with lists of named things (links, queues) as mappings, so
    that each is compared with its like.
    """
    if isinstance(value, dict):
        return {
            key: measured_values(inner) for key, inner in value.items() if key not in _NOT_MEASURED
        }
    if (
        isinstance(value, list)
        and value
        and all(isinstance(inner, dict) and "link" in inner for inner in value)
    ):
        words = ("link", "towards", "fault", "from_ns")
        return {
            " ".join(
                str(inner[key]) for key in words if inner.get(key) is not None
            ): measured_values(inner)
            for inner in value
        }
    return [measured_values(inner) for inner in value] if isinstance(value, list) else value


def _pair(a: list[Verdict], b: list[Verdict]) -> list[VerdictPair]:
    """Join the verdicts of two runs by check and title.

    One that is made several times goes by its turn.
    """
    keyed = [numbered_verdicts(side) for side in (a, b)]
    titles = list(dict.fromkeys([*keyed[0], *keyed[1]]))
    return [VerdictPair(key[1], keyed[0].get(key), keyed[1].get(key)) for key in titles]


def numbered_verdicts(verdicts: list[Verdict]) -> dict[tuple[str, str, int], Verdict]:
    """Return verdicts by check, title and turn: a check may be made several times."""
    found: dict[tuple[str, str, int], Verdict] = {}
    for verdict in verdicts:
        turn = sum(key[:2] == (verdict.check, verdict.title) for key in found)
        found[(verdict.check, verdict.title, turn)] = verdict
    return found


def to_json_value(comparison: Comparison, threshold: float) -> dict[str, Any]:
    """Return the comparison for machines.

    ``metrics`` holds what changed by more than ``threshold``, a fraction.
    """

    def listed(found: list[Difference]) -> list[dict[str, Any]]:
        return [
            {**dataclasses.asdict(difference), "change": difference.change} for difference in found
        ]

    return {
        "a": str(comparison.a.path),
        "b": str(comparison.b.path),
        "same": comparison.same,
        "same_packets": comparison.same_packets,
        "headline": comparison.headline(),
        "kernels": comparison.kernels,
        "captures": [dataclasses.asdict(capture) for capture in comparison.captures],
        "spec": listed(comparison.spec),
        "plan": listed(comparison.plan),
        "environment": listed(comparison.environment),
        "certificate": listed(comparison.certificate),
        "metrics_threshold": threshold,
        "metrics_differing": len(comparison.metrics),
        "metrics": listed(comparison.measured(threshold)),
        "verdicts": [
            {
                "title": verdict.title,
                "differs": verdict.differs,
                "a": verdict.a and dataclasses.asdict(verdict.a),
                "b": verdict.b and dataclasses.asdict(verdict.b),
            }
            for verdict in comparison.verdicts
        ],
    }
