"""``Check``, ``Verdict`` and ``Evidence``: one question to a recorded run, and its answer.

A check is a frozen pydantic model. Its class docstring is its public documentation, its fields are
the parameters that a spec gives it, and ``evaluate`` answers from the run's tables. Data that are
missing raise :class:`Undecided`, so that they can never pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from tcpexp.registry import suggest
from tcpexp.spec.kernels import Kernels, kernel_numbers, parse_kernel
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.store.rundata import RunData

Result = Literal["PASS", "FAIL", "INCONCLUSIVE", "UNSUPPORTED"]
Kind = Literal["host", "flow", "link", "action"]


@dataclass(frozen=True)
class Refers:
    """Marks a field whose value names something of the spec: a host, a flow, a link or an action's
    ``id``.
    """

    kind: Kind


HostName = Annotated[str, Refers("host")]
FlowName = Annotated[str, Refers("flow")]
LinkName = Annotated[str, Refers("link")]
ActionName = Annotated[str, Refers("action")]


@dataclass(frozen=True)
class Evidence:
    """What proves a verdict: a sentence and where to look.

    ``capture`` is a capture's name (``h1-eth0``) and ``packets`` the frame numbers in it as
    Wireshark shows them; ``from_ns`` and ``to_ns`` are the time span, in ns from the start of the
    experiment. ``rows`` is a small table, its first row the headings.
    """

    text: str
    capture: str | None = None
    packets: tuple[int, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The answer of one check.

    ``measured`` and ``asked`` are words with units, ``reason`` is the sentence that joins them,
    ``because`` the spec author's explanation. INCONCLUSIVE: the data do not suffice. UNSUPPORTED:
    the kernel or the place cannot record what is asked. ``number``: which check of ``expect:`` it
    answers, from 1 on.
    """

    check: str
    title: str
    result: Result
    measured: str
    asked: str
    reason: str
    because: str | None = None
    evidence: tuple[Evidence, ...] = ()
    number: int | None = None

    @property
    def expected(self) -> str:
        """What was asked, by the word that reports use."""
        return self.asked


def run_kernel(run: RunData) -> tuple[int, int]:
    """Return the first two numbers of the kernel that a run used, such as (6, 12).

    Raises ``Undecided`` for a run that does not say so.
    """
    release = str((run.engine.get("versions") or {}).get("kernel", ""))
    numbers = kernel_numbers(release)
    if numbers is None:
        raise Undecided(f"the run does not say which kernel it used ('{release}')")
    return numbers


KernelVersion = Annotated[
    str,
    BeforeValidator(parse_kernel),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\.\d+$", "examples": ["6.5"]}),
]


class Undecided(Exception):
    """The recorded data do not suffice to decide; the check becomes INCONCLUSIVE.

    ``str()`` is the reason.
    """

    result: Result = "INCONCLUSIVE"


class NotSupported(Undecided):
    """The kernel or the place cannot record what the check asks; the check becomes UNSUPPORTED."""

    result: Result = "UNSUPPORTED"


class Check(BaseModel):
    """One entry of ``expect:``. A subclass sets ``name``, ``example``, its fields, ``title``,
    ``asked`` and ``evaluate``.

    A field whose word is a Python keyword takes an alias: ``from_: HostName =
    Field(alias="from")``. Fields of the types ``HostName``, ``FlowName``, ``LinkName`` and
    ``ActionName`` are looked up before the check is evaluated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    name: ClassVar[str] = ""
    #: The parameters as a spec writes them, for the documentation.
    example: ClassVar[str] = ""

    because: str | None = Field(
        default=None, description="why this should be so; printed beside the verdict"
    )
    since_kernel: KernelVersion | None = Field(
        default=None,
        description="about kernels from this version on; on older ones the check is left out",
    )
    before_kernel: KernelVersion | None = Field(
        default=None,
        description="about kernels before this version; on newer ones the check is left out",
    )

    ip: Literal[4, 6] | None = Field(
        default=None,
        description="about networks that speak this version of IP; in others the check is left out",
    )

    @model_validator(mode="after")
    def _some_kernel(self) -> Self:
        if self.kernels.none:
            raise QuantityError(
                f"no kernel is {self.kernels.head}", "before_kernel is above since_kernel"
            )
        return self

    def applies(self, run: RunData) -> bool:
        """Whether the check is about the version of IP and the kernel that the run used."""
        return self.ip in (None, run.plan.network.ip) and not self.kernels_differ(run)

    def kernels_differ(self, run: RunData) -> bool:
        """Whether the check is about other kernels than the one that the run used."""
        return not self.kernels.all and not self.kernels.has(run_kernel(run))

    @property
    def kernels(self) -> Kernels:
        """Which kernels it is about."""
        return Kernels(self.since_kernel, self.before_kernel)

    def evaluate(self, run: RunData) -> Verdict:
        """Return the verdict on ``run``.

        Raises ``Undecided`` or ``NotSupported`` where the data do not suffice.
        """
        raise NotImplementedError(f"{type(self).__name__} has no evaluate method")

    def title(self) -> str:
        """Return what is looked at, such as ``goodput of flow cubic from 1 s to 5 s``."""
        return self.name

    def asked(self) -> str:
        """Return what is asked in words, such as ``at least 8.5 Mbit/s``."""
        return ""

    def judge(self, run: RunData) -> Verdict:
        """Return the verdict on ``run``, also where the data do not suffice."""
        try:
            for kind, name in self.references():
                _require_known(run.plan, kind, name)
            return self.evaluate(run)
        except Undecided as why:
            return Verdict(
                self.name,
                self.title(),
                why.result,
                "not measured",
                self.asked(),
                _sentence(str(why)),
                self.because,
            )

    def verdict(
        self, passed: bool, measured: str, reason: str, evidence: Sequence[Evidence] = ()
    ) -> Verdict:
        """Return PASS or FAIL with the words that belong to this check."""
        return Verdict(
            self.name,
            self.title(),
            "PASS" if passed else "FAIL",
            measured,
            self.asked(),
            _sentence(reason),
            self.because,
            tuple(evidence),
        )

    def references(self) -> Iterator[tuple[Kind, str]]:
        """Yield (kind, name) of every host, flow, link and action that this check names."""
        for name, field in type(self).model_fields.items():
            marks = [
                mark
                for mark in _metadata(field.annotation, field.metadata)
                if isinstance(mark, Refers)
            ]
            value = getattr(self, name)
            if marks and value is not None:
                for name_given in [value] if isinstance(value, str) else value:
                    yield marks[0].kind, name_given


def known_names(plan: RunPlan, kind: Kind) -> list[str]:
    """Return the names of that kind in ``plan``. Actions are the ids of their steps."""
    if kind == "host":
        return [node.name for node in plan.network.nodes]
    if kind == "flow":
        return [flow.name for flow in plan.flows]
    if kind == "link":
        return [link.name for link in plan.network.links]
    return [step.id for step in (*plan.setup, *plan.steps)]


def unknown_references(check: Check, plan: RunPlan) -> list[str]:
    """Return one message per name in ``check`` that ``plan`` does not have, with a suggestion."""
    messages = []
    for kind, name in check.references():
        try:
            _require_known(plan, kind, name)
        except Undecided as why:
            messages.append(str(why))
    return messages


def _require_known(plan: RunPlan, kind: Kind, name: str) -> None:
    known = known_names(plan, kind)
    if name in known or (
        kind == "action" and any(known_name.startswith(f"{name}.") for known_name in known)
    ):
        return
    hint = suggest(name, known)
    raise Undecided(f"there is no {kind} '{name}' in this experiment{f'; {hint}' if hint else ''}")


def _metadata(annotation: object, metadata: Sequence[object]) -> list[object]:
    """Return the annotations of a field and of the types inside it (``list[FlowName] | None``)."""
    found = list(metadata)
    found += getattr(annotation, "__metadata__", ())
    for inner in getattr(annotation, "__args__", ()):
        found += _metadata(inner, ())
    return found


def _sentence(text: str) -> str:
    """Return ``text`` with a full stop at its end."""
    return text if text.endswith((".", "!", "?", ")")) else f"{text}."
