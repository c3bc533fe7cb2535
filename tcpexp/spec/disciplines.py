"""The queue disciplines that a spec can name: a word, or a mapping with settings.

``discipline: pie`` takes the kernel's defaults; ``discipline: {name: pie, target: 20ms}`` sets
some. The settings are those of :mod:`tcpexp.record.disciplines`, each with its unit; ``htb`` has
classes instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from tcpexp.record.disciplines import DISCIPLINES, HTB, Setting
from tcpexp.units import (
    QuantityError,
    Queue,
    Rate,
    Size,
    format_duration,
    format_fraction,
    format_rate,
    format_size,
    parse_duration,
    parse_fraction,
    parse_rate,
    parse_size,
)

#: Those that are a word alone.
PLAIN = ("pfifo", "bfifo", "red", "codel", "fq_codel", "cake")
WITH_SETTINGS = tuple(DISCIPLINES)
NAMES = (*PLAIN, *WITH_SETTINGS, HTB)
#: Disciplines whose limit tc counts in bytes; the others count packets.
BYTE_DISCIPLINES = ("bfifo", "red", "cake")
#: Disciplines that can mark instead of dropping.
ECN_DISCIPLINES = ("red", "codel", "fq_codel", "cake", "pie", "fq_pie", "choke", "dualpi2")
#: Those whose marking has no switch.
ALWAYS_MARKING = ("cake", "dualpi2")
MOST_CLASSES = 32
_CLASS_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,15}$"


def parse_setting(one: Setting, raw: Any) -> float:
    """Return a setting's value in the units of the plan; raises ``QuantityError``."""
    value = _parse(one, raw)
    if not one.least <= value <= one.largest and not (one.unit == "percent" and 0 <= value <= 1):
        raise QuantityError(
            f"{one.name} {raw} is out of range",
            f"write {setting_words(one, one.least)} to {setting_words(one, one.largest)}",
        )
    return value


def _parse(one: Setting, raw: Any) -> float:
    if one.unit == "time":
        return float(parse_duration(raw))
    if one.unit == "size":
        return float(parse_size(raw))
    if one.unit == "rate":
        return float(parse_rate(raw))
    if one.unit == "percent":
        return parse_fraction(raw)
    if one.unit == "switch":
        if not isinstance(raw, bool):
            raise QuantityError(f"'{raw}' is not a switch", "write true or false")
        return float(raw)
    if one.unit == "word":
        if raw not in one.words:
            raise QuantityError(
                f"'{raw}' is not one of {', '.join(one.words)}", f"write {one.words[0]}"
            )
        return float(one.first + one.words.index(raw))
    return _parse_number(one, raw)


def _parse_number(one: Setting, raw: Any) -> float:
    text = raw.removesuffix("p") if isinstance(raw, str) and one.unit == "packets" else raw
    whole = one.unit != "number"
    try:
        if isinstance(text, bool):
            raise ValueError
        return float(int(text) if whole and not isinstance(text, float) else float(text))
    except (TypeError, ValueError):
        raise QuantityError(
            f"'{raw}' is not a {'whole number' if whole else 'number'}",
            "write digits" + (", such as 20p" if one.unit == "packets" else ""),
        ) from None


def setting_words(one: Setting, value: float) -> str:
    """Return a setting's value as a person writes it."""
    match one.unit:
        case "time":
            return format_duration(round(value))
        case "size":
            return format_size(round(value))
        case "rate":
            return format_rate(round(value))
        case "percent":
            return format_fraction(value)
        case "switch":
            return "true" if value else "false"
        case "word":
            return one.words[round(value) - one.first]
        case "packets":
            return f"{value:.0f}p"
    return f"{value:.6g}"


_EXAMPLES = {
    "time": "20ms",
    "size": "3028B",
    "rate": "10mbit",
    "percent": "10%",
    "packets": "20p",
}


def default_words(one: Setting) -> str:
    """Return the kernel's default as documentation says it."""
    if one.default is None:
        return "none"
    if one.frames:
        return "a full frame" if one.default == 1 else f"{one.default:.0f} full frames"
    return setting_words(one, one.default)


def _type(one: Setting) -> Any:
    schema: dict[str, Any] = {"description": one.meaning}
    if one.unit == "switch":
        schema["type"] = "boolean"
    elif one.unit == "word":
        schema["enum"] = list(one.words)
    elif one.unit in _EXAMPLES:
        kinds = ["string", "number", "integer"] if one.unit in ("percent", "packets") else "string"
        schema |= {"type": kinds, "examples": [_EXAMPLES[one.unit]]}
    else:
        schema["type"] = "number"
    return Annotated[
        float,
        BeforeValidator(lambda raw: parse_setting(one, raw)),
        PlainSerializer(lambda value: setting_words(one, value)),
        WithJsonSchema(schema),
    ]


class NamedDiscipline(BaseModel):
    """A queue discipline with settings; what is not named has the kernel's default."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str

    def given(self) -> dict[str, float]:
        """Return the settings that were written, in the plan's units."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name != "name" and name in self.model_fields_set
        }


def _settings_model(name: str, settings: tuple[Setting, ...]) -> type[NamedDiscipline]:
    fields: dict[str, Any] = {
        one.name: (
            _type(one) | None,
            Field(default=None, description=f"{one.meaning}; {default_words(one)} when silent"),
        )
        for one in settings
    }
    fields["name"] = (Literal[name], Field(default=name, description="the discipline"))
    model: type[NamedDiscipline] = create_model(
        "".join(part.title() for part in name.split("_")),
        __base__=NamedDiscipline,
        __doc__=f"The discipline ``{name}`` with settings.",
        **fields,
    )
    return model


SETTINGS_MODELS: Mapping[str, type[NamedDiscipline]] = {
    name: _settings_model(name, settings) for name, settings in DISCIPLINES.items()
}


class ClassMatch(BaseModel):
    """Which packets belong to a class: those that fit everything that is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    flow: str | None = Field(default=None, description="the packets of a flow of this experiment")
    from_: str | None = Field(default=None, alias="from", description="the host that sent it")
    to: str | None = Field(default=None, description="the host that it is for")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="its TCP or UDP port, of either end"
    )
    protocol: Literal["tcp", "udp", "icmp"] | None = Field(
        default=None, description="its protocol; tcp with a port or a flow when silent"
    )
    dscp: int | None = Field(
        default=None, ge=0, le=63, description="its Differentiated Services Code Point, 0 to 63"
    )

    @model_validator(mode="after")
    def _something(self) -> ClassMatch:
        if not self.model_fields_set:
            raise QuantityError(
                "a match that names nothing fits every packet",
                "name flow, from, to, port, protocol or dscp; the class of the rest has no match",
            )
        return self


class HtbClass(BaseModel):
    """A class of htb: its guaranteed rate, its ceiling, and which packets it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rate: Rate = Field(description="what it can have at any time")
    ceil: Rate | None = Field(
        default=None, description="the most that it can borrow up to; the link's rate when silent"
    )
    prio: int = Field(
        default=0, ge=0, le=7, description="0 is served first when several borrow; 0 when silent"
    )
    queue: Queue | None = Field(
        default=None, description="how much waits in this class; the link's queue when silent"
    )
    match: tuple[ClassMatch, ...] = Field(
        default=(),
        description="packets of this class; one class has none, and gets the rest",
    )

    @field_validator("match", mode="before")
    @classmethod
    def _one_or_many(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _ceil_above(self) -> HtbClass:
        if self.ceil is not None and self.ceil < self.rate:
            raise QuantityError(
                f"ceil {format_rate(self.ceil)} is below rate {format_rate(self.rate)}",
                "what a class may have at most is no less than what it is guaranteed",
            )
        return self


class Htb(BaseModel):
    """The discipline ``htb``: classes with a guaranteed rate and a ceiling, in one link."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: Literal["htb"] = Field(default="htb", description="the discipline")
    classes: dict[Annotated[str, Field(pattern=_CLASS_NAME)], HtbClass] = Field(
        description="classes by name, in the order in which their matches are tried",
        min_length=1,
        max_length=MOST_CLASSES,
    )

    @model_validator(mode="after")
    def _one_rest(self) -> Htb:
        rest = [name for name, one in self.classes.items() if not one.match]
        if len(rest) != 1:
            found = "no class is" if not rest else f"{' and '.join(rest)} are all"
            raise QuantityError(
                f"{found} for the packets that no match fits",
                "leave match: out of exactly one class",
            )
        return self


def _kind(value: Any) -> str:
    """Return which form a discipline is written in, for pydantic's choice."""
    if isinstance(value, BaseModel):
        return str(getattr(value, "name", ""))
    return str(value.get("name")) if isinstance(value, dict) else "word"


def check_discipline(value: Any) -> Any:
    """Return what a spec writes as a discipline; raises ``QuantityError`` for a mapping that names
    none with settings, and for htb without classes.
    """
    if value == HTB:
        raise QuantityError(
            "htb is made of classes",
            "write discipline: {name: htb, classes: {web: {rate: 5mbit, match: {port: 80}}, rest:"
            " {rate: 1mbit}}}",
        )
    if not isinstance(value, dict) or value.get("name") in (*WITH_SETTINGS, HTB):
        return value
    name = value.get("name")
    if name in PLAIN:
        raise QuantityError(f"{name} has no settings here", f"write discipline: {name}")
    raise QuantityError(
        "a discipline with settings has a name",
        f"write name: and one of {', '.join((*WITH_SETTINGS, HTB))}",
    )


def check_host_discipline(value: Any) -> Any:
    """Return what a spec writes as the discipline of a host; raises ``QuantityError`` for all but
    fq.
    """
    name = value.get("name") if isinstance(value, dict) else discipline_name(value)
    if name not in (None, "fq"):
        raise QuantityError(
            f"'{name}' does nothing in front of a host",
            "write fq there; a queue of another discipline belongs to a link with a rate",
        )
    return value


def discipline_name(value: Any) -> str | None:
    """Return the name of a discipline as a spec holds it."""
    name = getattr(value, "name", value)
    return None if name is None else str(name)


_WORD = Annotated[
    Literal[
        "pfifo",
        "bfifo",
        "red",
        "codel",
        "fq_codel",
        "cake",
        "pie",
        "fq_pie",
        "sfq",
        "choke",
        "fq",
        "dualpi2",
    ],
    Tag("word"),
]


if TYPE_CHECKING:
    Discipline = str | NamedDiscipline | Htb
    HostDiscipline = str | NamedDiscipline
else:
    _NAMED = [Annotated[model, Tag(name)] for name, model in SETTINGS_MODELS.items()]
    Discipline = Annotated[
        Union[(_WORD, *_NAMED, Annotated[Htb, Tag("htb")])], Discriminator(_kind)
    ]
    _FQ = SETTINGS_MODELS["fq"]
    #: The discipline in front of a host's interfaces. There is no bottleneck there, so what matters
    #: is when packets leave.
    HostDiscipline = Annotated[
        Annotated[Literal["fq"], Tag("word")] | Annotated[_FQ, Tag("fq")],
        Discriminator(_kind),
    ]


class Policer(BaseModel):
    """A policer: what comes faster than the rate is dropped, and nothing ever waits."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rate: Rate = Field(description="what passes, counted on Ethernet frames")
    burst: Size = Field(description="how much passes at once after a pause, at least a full frame")
