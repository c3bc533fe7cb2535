"""``ExperimentSpec``: a whole spec as one frozen model (docs/reference/spec.md).

Actions, checks and recorders come from the catalogue that validation is given as its context, so
that those of other people validate exactly as ours do. The spec remembers where each value stood,
for the errors of later steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from tcpexp.errors import Position, SpecError
from tcpexp.registry import suggest
from tcpexp.spec.disciplines import HostDiscipline, check_host_discipline
from tcpexp.spec.knobs import Knob
from tcpexp.spec.links import NONE, LinkParameters, check_mtu
from tcpexp.spec.owncontrol import CONTROL_SCHEMA, OwnControl, own_control, parse_control
from tcpexp.spec.placed import NestedErrors, PlacedError
from tcpexp.spec.source import Source
from tcpexp.spec.sweep import SweepSpec
from tcpexp.spec.synonyms import missing_do_hint, name_hint
from tcpexp.spec.sysctls import check_sysctl_name
from tcpexp.units import Duration, QuantityError, Size

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9_]*(-|->)[A-Za-z][A-Za-z0-9_]*")
_OFF = ("off", False)
#: A kernel's name (``debian-6.1``, ``debian:6.1``, ``6.1``), or the beginning of its sha256.
KERNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:+-]{0,63}")
DAY_NS = 86_400 * 10**9


class SeveralErrors(ValueError):
    """Several errors of one value, each a ``NestedErrors`` or ``PlacedError``."""

    def __init__(self, errors: list[ValueError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class ExpectEntry:
    """One check of ``expect:``: its name, its parameters as written, its model, and where it
    stands.
    """

    name: str
    parameters: dict[str, Any]
    model: Any
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class PlotEntry:
    """One plot of ``plots:``: its name and its options as written."""

    name: str
    options: dict[str, Any]


@dataclass(frozen=True)
class RecordEntry:
    """One key of ``record:``: its name and its model, or None for ``off``."""

    name: str
    model: Any


class TopologyChoice(BaseModel):
    """Which network: the name of a topology and its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str = Field(
        min_length=1,
        description="a topology's name: of a file beside the spec, in topologies/, or shipped",
    )
    params: dict[str, Any] = Field(default_factory=dict, description="the topology's parameters")
    ip: Literal[4, 6] = Field(
        default=4, description="which version of IP the whole network speaks: 4 or 6"
    )


class HostSettings(BaseModel):
    """Settings of one host or router."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str | dict[str, str] | None = Field(
        default=None,
        description=(
            "its address, such as 192.168.100.144 or 192.168.100.144/24; of a node with several"
            " links by link: {h1-r1: 10.9.0.1}"
        ),
    )
    sysctls: dict[str, str] = Field(
        default_factory=dict, description="kernel settings, such as net.ipv4.tcp_sack: 0"
    )
    congestion_control: Annotated[
        Any, BeforeValidator(parse_control), WithJsonSchema(CONTROL_SCHEMA)
    ] = Field(
        default=None,
        description=(
            "what its connections use unless told otherwise: a name, or {source: my_cc.c} (the"
            " sysctl net.ipv4.tcp_congestion_control)"
        ),
    )
    offloads: bool = Field(
        default=False, description="segmentation offloads (TSO, GSO, GRO) of its interfaces"
    )
    mtu: Size = Field(
        default=1500,
        description=(
            "largest IP packet of its interfaces, such as 1500B; mtu: of a link goes over it"
        ),
    )

    discipline: HostDiscipline | None = Field(
        default=None,
        description=(
            "the discipline in front of its interfaces: fq, which keeps to the times at which TCP"
            " wants its packets sent (pacing); none when silent"
        ),
    )

    @field_validator("discipline", mode="before")
    @classmethod
    def _check_discipline(cls, raw: Any) -> Any:
        return None if raw == NONE else check_host_discipline(raw)

    @field_validator("sysctls", mode="before")
    @classmethod
    def _check_sysctls(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        for key, value in raw.items():
            try:
                check_sysctl_name(key)
            except QuantityError as error:
                raise PlacedError(error.message, error.hint, (key,), key=True) from None
            if isinstance(value, (bool, float)) or not isinstance(value, (int, str)):
                raise PlacedError(
                    f"{_show(value)} is not a sysctl's value",
                    "write a whole number or a text",
                    (key,),
                )
        return {key: str(value) for key, value in raw.items()}

    @field_validator("mtu")
    @classmethod
    def _check_mtu(cls, value: int) -> int:
        return check_mtu(value)


def build_action(raw: Any, info: ValidationInfo) -> Any:
    """Return the action that ``raw`` describes, by its ``do``."""
    if not isinstance(raw, dict):
        raise PlacedError(
            f"{_show(raw)} is not an action",
            "write a mapping with do:, such as {at: 1s, do: mark, text: ...}",
        )
    if "do" not in raw:
        raise PlacedError(
            "this action does not say what to do",
            missing_do_hint(raw, _catalogue(info).actions.names()),
        )
    model = _from_registry(_catalogue(info).actions, raw["do"], ("do",))
    return _validate(model, raw, info)


def build_expect(raw: Any, info: ValidationInfo) -> Any:
    """Return the checks of one entry of ``expect:``: a mapping of one check's name to its
    parameters or a list of such.
    """
    if not isinstance(raw, dict) or len(raw) != 1:
        hint = "write one check per entry, such as - goodput: {flow: web, at_least: 9mbit}"
        raise PlacedError("an entry of expect: is a mapping with exactly one check", hint)
    ((name, given),) = raw.items()
    model = _from_registry(_catalogue(info).checks, name, (name,), key=True)
    several: list[tuple[tuple[str | int, ...], Any]] = [((name,), given)]
    if isinstance(given, list):
        several = [((name, index), value) for index, value in enumerate(given)]
    return tuple(
        ExpectEntry(name, each, _validate(model, each, info, path), path) for path, each in several
    )


def build_record(raw: Any, info: ValidationInfo) -> Any:
    """Return the entries of ``record:``."""
    if raw is None:
        return ()
    if not isinstance(raw, dict):
        raise PlacedError(
            "record: is a mapping of recorders", "write for example record: {ss: 100ms, trace: off}"
        )
    entries: list[RecordEntry] = []
    errors: list[ValueError] = []
    for name, value in raw.items():
        try:
            model = _from_registry(_catalogue(info).recorders, name, (name,), key=True)
            off = isinstance(value, (str, bool)) and value in _OFF
            entries.append(
                RecordEntry(name, None if off else _validate(model, value, info, (name,)))
            )
        except (NestedErrors, PlacedError) as error:
            errors.append(error)
    if errors:
        raise SeveralErrors(errors)
    return tuple(entries)


def build_plot(raw: Any, info: ValidationInfo) -> Any:
    """Return one entry of ``plots:``: a name, or a mapping of one name to options."""
    if isinstance(raw, dict) and len(raw) == 1:
        ((name, options),) = raw.items()
        if not isinstance(options, dict):
            raise PlacedError(
                f"the options of plot '{name}' are a mapping",
                f"write - {name}: {{flow: web}}",
                (name,),
            )
        _must_be_known(_catalogue(info).plots, name, (name,), key=True)
        return PlotEntry(name, options)
    if not isinstance(raw, str):
        raise PlacedError(f"{_show(raw)} is not a plot", "write a plot's name")
    _must_be_known(_catalogue(info).plots, raw, ())
    return PlotEntry(raw, {})


class ExperimentSpec(BaseModel):
    """An experiment: what network to build, what happens to it and when, what to record and what to
    expect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(description="a short name for folders and commands: letters, digits, _ and -")
    title: str = Field(default="", description="one line for headings; the name when silent")
    description: str = Field(default="", description="what is asked, in a few sentences")
    references: tuple[str, ...] = Field(
        default=(), description="RFCs, papers and manuals that explain what is seen"
    )
    topology: TopologyChoice = Field(
        description="the network: a topology's name, or {name: ..., params: {...}}"
    )
    links: dict[str, LinkParameters] = Field(
        default_factory=dict,
        description="parameters by link: h1-h2 for both directions, h1->h2 for one",
    )
    hosts: dict[str, HostSettings] = Field(default_factory=dict, description="settings by host")
    congestion_controls: dict[str, OwnControl] = Field(
        default_factory=dict,
        description=(
            "congestion controls of one's own, by name: {my_cc: {source: my_cc.c}}; then the name"
            " can stand wherever one is asked for"
        ),
    )
    actions: tuple[Annotated[Any, BeforeValidator(build_action)], ...] = Field(
        default=(), description="what happens, and when"
    )
    record: Annotated[tuple[Any, ...], BeforeValidator(build_record)] = Field(
        default=(), description="what is recorded beside or instead of the default"
    )
    plots: tuple[Annotated[Any, BeforeValidator(build_plot)], ...] | None = Field(
        default=None, description="the figures of the report, in order; those that fit when silent"
    )
    expect: tuple[Annotated[Any, BeforeValidator(build_expect)], ...] = Field(
        default=(), description="what should be seen; each entry names one check"
    )
    duration: Duration = Field(description="how long the experiment lasts")
    seed: int = Field(default=1, ge=0, le=2**32 - 1, description="the same seed, the same run")
    kernel: str | None = Field(
        default=None,
        description=(
            "the kernel that it runs on, as for `--kernel`: a name of `tcpexp kernel list`, or the"
            " beginning of a hash; the one in use when silent"
        ),
    )
    explain: str = Field(
        default="",
        description=(
            "why it is so, for the report; numbers of the run are quoted, not written"
            " (docs/reference/spec.md)"
        ),
    )
    answer: str = Field(
        default="",
        description=(
            "one or two sentences that answer what `description` asks, with this run's numbers,"
            " quoted as in `explain`; the report begins with them"
        ),
    )
    key: str | None = Field(
        default=None,
        description="the plot of `plots` that shows the answer, by name; the first when silent",
    )
    questions: tuple[str, ...] = Field(
        default=(), description="what a student is asked, each answered from the report's data"
    )
    knobs: tuple[Knob, ...] = Field(
        default=(),
        description=(
            "what a reader may turn in the laboratory: paths as in `--set`, or {path: ..., label:"
            " ..., values: [...]} (docs/reference/spec.md)"
        ),
    )
    plugins: tuple[str, ...] = Field(
        default=(), description="Python files beside the spec that bring actions, checks..."
    )
    sweep: SweepSpec | None = Field(
        default=None,
        description=(
            "parameters that vary, for `tcpexp sweep`: many runs, one study (docs/guides/sweeps.md)"
        ),
    )

    _source: Source = PrivateAttr(default_factory=Source)

    @model_validator(mode="before")
    @classmethod
    def _check_shape(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise PlacedError("a spec is a mapping of keys", "start with name: and topology:")
        return raw

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value):
            hint = "start with a letter; letters, digits, _ and - only, at most 64"
            raise QuantityError(f"{_show(value)} cannot name an experiment", hint)
        return value

    @field_validator("topology", mode="before")
    @classmethod
    def _expand_topology(cls, raw: Any) -> Any:
        return {"name": raw} if isinstance(raw, str) else raw

    @field_validator("references", "plugins", "questions", mode="before")
    @classmethod
    def _expand_list(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, str) else raw

    @field_validator(
        "links",
        "hosts",
        "references",
        "actions",
        "expect",
        "questions",
        "knobs",
        "plugins",
        "congestion_controls",
        "sweep",
        mode="before",
    )
    @classmethod
    def _refuse_nothing(cls, raw: Any, info: ValidationInfo) -> Any:
        if raw is None:
            raise QuantityError(f"{info.field_name}: is empty", "fill it or leave the key out")
        return raw

    @field_validator("congestion_controls", mode="before")
    @classmethod
    def _check_controls(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        made, errors = {}, []
        for name, value in raw.items():
            try:
                made[name] = own_control(value)
            except NestedErrors as error:
                errors.append(NestedErrors(error.error, error.model, (name,)))
        if errors:
            raise SeveralErrors(list(errors))
        return made

    @field_validator("links")
    @classmethod
    def _check_link_names(cls, value: dict[str, LinkParameters]) -> dict[str, LinkParameters]:
        for name in value:
            if not _LINK.fullmatch(name):
                hint = "write h1-h2 for both directions or h1->h2 for one"
                raise PlacedError(f"{_show(name)} does not name a link", hint, (name,), key=True)
        return value

    @field_validator("duration")
    @classmethod
    def _check_duration(cls, value: int) -> int:
        if not 0 < value <= DAY_NS:
            raise QuantityError(
                "a duration is above zero and at most one day", "write for example duration: 30s"
            )
        return value

    @field_validator("seed", mode="before")
    @classmethod
    def _check_seed(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise QuantityError(
                f"{_show(value)} is not a seed", "write a whole number from 0 to 4294967295"
            )
        return value

    @field_validator("kernel", mode="before")
    @classmethod
    def _check_kernel(cls, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise QuantityError(
                f"{_show(value)} is a number here, and names no kernel (6.10 would be 6.1)",
                f"write kernel: debian-{value}, or put it in quotes",
            )
        if not isinstance(value, str) or not KERNEL_NAME.fullmatch(value.strip()):
            raise QuantityError(
                f"{_show(value)} names no kernel", "write for example kernel: debian-6.1"
            )
        return value.strip()

    @property
    def checks(self) -> tuple[ExpectEntry, ...]:
        """All checks, in the file's order."""
        return tuple(entry for entries in self.expect for entry in entries)

    @property
    def source(self) -> Source:
        """The file that it came from."""
        return self._source

    def place(self, *path: str | int, key: bool = False) -> Position | str:
        """Return where the value at ``path`` stands in the file, such as ``place("actions", 2,
        "from")``.
        """
        return self._source.place(*path, key=key)

    def raw_at(self, *path: str | int) -> Any:
        """Return the plain value at ``path``, as the file has it, or None."""
        return self._source.raw_at(*path)


def _catalogue(info: ValidationInfo) -> Any:
    return info.context["catalogue"]  # type: ignore[index]


def _from_registry(
    registry: Any, name: Any, path: tuple[str | int, ...], *, key: bool = False
) -> Any:
    """Return the registry's item; raises ``PlacedError`` with a suggestion."""
    _must_be_known(registry, name, path, key=key)
    try:
        return registry.get(name)
    except SpecError as error:  # an installed package that cannot be loaded
        raise PlacedError(error.message, error.hint or "", path, key=key) from None


def _must_be_known(
    registry: Any, name: Any, path: tuple[str | int, ...], *, key: bool = False
) -> None:
    """Raise ``PlacedError`` with a suggestion where a registry has no such name; loads nothing."""
    if not isinstance(name, str):
        article = "an" if registry.kind[0] in "aeiou" else "a"
        raise PlacedError(
            f"{_show(name)} is not the name of {article} {registry.kind}",
            f"known: {', '.join(registry.names())}",
            path,
        )
    if name not in registry:
        known = name_hint(registry.kind, name) or suggest(name, registry.names())
        raise PlacedError(
            f"unknown {registry.kind} '{name}'",
            known or f"there is no {registry.kind} at all",
            path,
            key=key,
        )


def _validate(
    model: type[BaseModel], raw: Any, info: ValidationInfo, path: tuple[str | int, ...] = ()
) -> Any:
    try:
        return model.model_validate(raw, context=info.context)
    except ValidationError as error:
        raise NestedErrors(error, model, path) from None


def _show(value: Any) -> str:
    text = (
        str(value)
        if not isinstance(value, (dict, list))
        else ("a mapping" if isinstance(value, dict) else "a list")
    )
    return text if isinstance(value, (dict, list)) else f"'{text[:40]}'"
