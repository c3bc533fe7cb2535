"""The parameters of one direction of a link, as a spec writes them (docs/concepts/links.md).

:class:`LinkParameters` is used for ``links:``, for the defaults of a topology, and by the actions
that change a link in the middle of a run. Every parameter is optional: in a change, what is not
named stays as it is, and what is named as 0 or ``none`` is switched off.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from tcpexp.spec.disciplines import Discipline, Policer, check_discipline
from tcpexp.units import (
    Duration,
    Fraction,
    QuantityError,
    Queue,
    Rate,
    Size,
    format_fraction,
    parse_fraction,
)

Distribution = Literal["uniform", "normal", "pareto", "paretonormal"]

LEAST_MTU, LARGEST_MTU = 576, 9000


#: The word that switches a parameter off, for those that have no zero; YAML's null says the same.
NONE = "none"


class GilbertElliott(BaseModel):
    """Loss in bursts: a good and a bad state. ``p`` good to bad, ``r`` bad to good, per packet."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    model: Literal["gilbert_elliott"] = "gilbert_elliott"
    p: Fraction = Field(
        description="probability, per packet, of going from the good state to the bad one"
    )
    r: Fraction = Field(
        description="probability, per packet, of going from the bad state to the good one"
    )
    bad_loss: Fraction = Field(default=1.0, description="loss probability in the bad state")
    good_loss: Fraction = Field(default=0.0, description="loss probability in the good state")


def _parse_loss(value: Any) -> float | GilbertElliott:
    """Return a fraction or the Gilbert-Elliott model; refuses correlated loss."""
    if isinstance(value, GilbertElliott):
        return value
    if isinstance(value, dict):
        if "correlation" in value:
            raise QuantityError(
                "the kernel's correlated loss does not lose what it is asked to lose", _GILBERT_HINT
            )
        if value.get("model") == "random":
            return parse_fraction(value.get("p"))
        return GilbertElliott.model_validate(value)
    if isinstance(value, str) and value.count("%") > 1:
        raise QuantityError(
            f"'{value[:40]}' asks for correlated loss, which the kernel does not deliver",
            _GILBERT_HINT,
        )
    return parse_fraction(value)


_GILBERT_HINT = "for loss in bursts write loss: {model: gilbert_elliott, p: 1%, r: 25%}"

Loss = Annotated[
    float | GilbertElliott,
    BeforeValidator(_parse_loss, json_schema_input_type=str | float | GilbertElliott),
    PlainSerializer(
        lambda value: format_fraction(value) if isinstance(value, float) else value.model_dump()
    ),
]


def _allow_none(schema: dict[str, Any]) -> None:
    """Let every parameter's schema accept the word that switches it off."""
    for name, own in schema["properties"].items():
        if name in LinkParameters.model_fields:
            own.setdefault("anyOf", []).append({"const": NONE})


def check_mtu(value: int) -> int:
    """Return an MTU in bytes that is in range; raises ``QuantityError``."""
    if not LEAST_MTU <= value <= LARGEST_MTU:
        raise QuantityError(
            f"an MTU of {value} bytes is out of range", f"write {LEAST_MTU}B to {LARGEST_MTU}B"
        )
    return value


class LinkParameters(BaseModel):
    """One direction of a link: first the bottleneck (rate and queue), then delay and faults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, json_schema_extra=_allow_none
    )

    rate: Rate | None = Field(
        default=None,
        description=(
            "rate of the bottleneck, counted on Ethernet frames without preamble and checksum"
        ),
    )
    queue: Queue | None = Field(
        default=None,
        description=(
            "how much waits for the bottleneck; needs rate; default 1bdp, at least 10 packets"
        ),
    )
    discipline: Discipline | None = Field(
        default=None,
        description=(
            "queue discipline, a word or {name: ..., its settings}; pfifo when silent (bfifo for a"
            " queue in bytes)"
        ),
    )
    ecn: bool | None = Field(
        default=None, description="mark instead of dropping, where the discipline can"
    )
    mark_at: Queue | None = Field(
        default=None,
        description=(
            "mark every packet (ECN) that finds more than this waiting, such as 20p; discipline and"
            " ecn follow from it"
        ),
    )
    policer: Policer | None = Field(
        default=None,
        description="drop what comes faster than {rate: ..., burst: ...}, before the bottleneck",
    )
    delay: Duration | None = Field(default=None, description="one-way delay")
    jitter: Duration | None = Field(
        default=None, description="variation of the delay; lets packets overtake one another"
    )
    jitter_correlation: Fraction | None = None
    jitter_distribution: Distribution | None = None
    loss: Loss | None = Field(
        default=None, description="random loss, or the Gilbert-Elliott model for loss in bursts"
    )
    duplicate: Fraction | None = Field(default=None, description="fraction of packets sent twice")
    duplicate_correlation: Fraction | None = None
    corrupt: Fraction | None = Field(
        default=None, description="fraction of packets with one flipped bit"
    )
    corrupt_correlation: Fraction | None = None
    reorder: Fraction | None = Field(
        default=None, description="fraction of packets that skip the delay; needs delay"
    )
    reorder_correlation: Fraction | None = None
    reorder_gap: int | None = Field(
        default=None, ge=1, description="only every n-th packet may skip the delay"
    )

    mtu: Size | None = Field(
        default=None,
        description=(
            "largest IP packet of the interfaces at both its ends, such as 1300B; goes over the"
            " hosts'"
        ),
    )

    @field_validator("discipline", mode="before")
    @classmethod
    def _check_discipline(cls, raw: Any) -> Any:
        return check_discipline(raw)

    @field_validator("mtu")
    @classmethod
    def _check_mtu(cls, value: int | None) -> int | None:
        return None if value is None else check_mtu(value)

    @model_validator(mode="before")
    @classmethod
    def _refuse_loss_correlation(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "loss_correlation" in raw:
            raise QuantityError(
                "the kernel's correlated loss does not lose what it is asked to lose", _GILBERT_HINT
            )
        return raw

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, raw: Any) -> Any:
        """Take the word ``none`` as no value at all: the parameter is named, and off."""
        if not isinstance(raw, dict):
            return raw
        return {
            name: None if name in LinkParameters.model_fields and value == NONE else value
            for name, value in raw.items()
        }

    def named(self) -> dict[str, Any]:
        """Return the parameters that were written, by name; None for one that was switched off."""
        return {
            name: getattr(self, name)
            for name in LinkParameters.model_fields
            if name in self.model_fields_set
        }

    def is_silent(self, name: str) -> bool:
        """Whether a parameter was neither given nor switched off."""
        return name not in self.model_fields_set and getattr(self, name) is None

    def over(self, below: LinkParameters) -> LinkParameters:
        """Return these parameters on top of ``below``: what is not named here stays."""
        return LinkParameters.model_construct(**{**below.named(), **self.named()})
