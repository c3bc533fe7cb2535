"""``link``, ``netem``, ``link_down`` and ``link_up``: change a link in the middle of a run."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.actions.common import BuiltinAction
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import LinkState
from tcpexp.spec.disciplines import discipline_name
from tcpexp.spec.links import NONE, LinkParameters
from tcpexp.units import QuantityError, format_duration, format_fraction, format_rate

#: Parameters of the bottleneck and of the interfaces, which are not netem's business.
BOTTLENECK = ("rate", "queue", "discipline", "ecn", "mark_at", "policer", "mtu")


class _LinkAction(BuiltinAction, LinkParameters):
    """What ``link`` and ``netem`` share."""

    link: str = Field(description="the link's name, such as `h1-h2`")
    towards: str | None = Field(
        default=None,
        description="host at which the changed direction ends; both directions when silent",
    )

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        if not self._parameters().named():
            raise QuantityError(
                "nothing to change", "name at least one parameter, such as delay: 50ms"
            )
        return self

    def _parameters(self) -> LinkParameters:
        names = LinkParameters.model_fields
        return LinkParameters.model_construct(
            **{name: getattr(self, name) for name in self.model_fields_set if name in names}
        )

    def compile(self, context: PlanContext) -> None:
        """Append the change; what is not named keeps the value that it has at that time."""
        link = context.link(self.link)
        parameters = self._parameters()
        words = ", ".join(
            f"{name} {plain_value(name, value)}" for name, value in parameters.named().items()
        )
        towards = "" if self.towards is None else f" towards {self.towards}"
        context.change_link(
            link.name,
            parameters,
            f"{link.name}{towards}: {words}",
            at_ns=self.at_ns,
            until_ns=self.until,
            towards=self.towards,
        )


class LinkAction(_LinkAction):
    """Change parameters of a link while traffic flows.

    What is not named stays as it is at that time. No queue is emptied: packets that wait or travel
    are kept. At `until` the values from before return. An `mtu` is set at both ends; packets on
    their way that are larger are lost.
    """

    example: ClassVar[str] = """\
- {at: 10s, do: link, link: h1-h2, rate: 5mbit, until: 20s}
- {at: 15s, do: link, link: h1-h2, towards: h1, delay: 50ms}
- {at: 22s, do: link, link: h1-h2, mtu: 1300B}"""

    do: Literal["link"] = "link"


class Netem(_LinkAction):
    """Change delay, jitter, loss, duplication, corruption or reordering of a link while traffic
    flows.

    The same as `link`, limited to what netem does; the bottleneck (`rate`, `queue`, `discipline`,
    `ecn`) and the `mtu` belong to `link`.
    """

    hidden: ClassVar[tuple[str, ...]] = BOTTLENECK

    example: ClassVar[str] = """\
- {at: 5s, do: netem, link: h1-h2, delay: 20ms, until: 25s}
- {at: 10s, do: netem, link: h1-h2, towards: h2, loss: 1%, until: 20s}"""

    do: Literal["netem"] = "netem"

    @model_validator(mode="after")
    def _no_bottleneck(self) -> Self:
        for name in BOTTLENECK:
            if name in self.model_fields_set:
                raise QuantityError(f"'{name}' is not a parameter of netem", "use do: link")
        return self


class LinkDown(BuiltinAction):
    """Take a link down: both its ends lose their carrier. At `until` it comes up again."""

    example: ClassVar[str] = "- {at: 10s, do: link_down, link: h1-h2, until: 12s}"

    do: Literal["link_down"] = "link_down"
    link: str = Field(description="the link's name, such as `h1-h2`")

    def compile(self, context: PlanContext) -> None:
        """Append the change of state."""
        link = context.link(self.link)
        context.step(
            LinkState(link.name, False), f"{link.name} down", at_ns=self.at_ns, until_ns=self.until
        )


class LinkUp(BuiltinAction):
    """Bring a link up that is down. At `until` it goes down again."""

    example: ClassVar[str] = """\
- {at: 10s, do: link_down, link: h1-h2}
- {at: 15s, do: link_up, link: h1-h2}"""

    do: Literal["link_up"] = "link_up"
    link: str = Field(description="the link's name, such as `h1-h2`")

    def compile(self, context: PlanContext) -> None:
        """Append the change of state."""
        link = context.link(self.link)
        context.step(
            LinkState(link.name, True), f"{link.name} up", at_ns=self.at_ns, until_ns=self.until
        )


def plain_value(name: str, value: object) -> str:
    """Return a parameter's value as a person writes it."""
    if value is None:
        return NONE
    if name == "rate" and isinstance(value, int):
        return format_rate(value)
    if name in ("delay", "jitter") and isinstance(value, int):
        return format_duration(value)
    if name == "mtu":
        return f"{value}B"
    if isinstance(value, float):
        return format_fraction(value)
    if name == "discipline":
        return str(discipline_name(value))
    return str(value)
