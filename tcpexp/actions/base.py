"""``Action``: the base class of everything that a spec's ``actions:`` list can do.

An action is a frozen pydantic model. Its class docstring is its public documentation, its fields
are its parameters, and ``compile`` turns it into plan primitives through the
:class:`~tcpexp.plan.context.PlanContext`. It executes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tcpexp.units import Duration

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanContext


class Action(BaseModel):
    """One entry of ``actions:``. A subclass sets ``do: Literal["its_name"] = "its_name"`` and its
    own fields.

    A field whose word is a Python keyword takes an alias: ``from_: str = Field(alias="from")``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    do: str = Field(description="what to do: the action's name")
    at: Duration | None = Field(
        default=None, description="when, from the start of the experiment; 0s when silent"
    )
    until: Duration | None = Field(
        default=None, description="when it ends and what it changed is put back"
    )
    every: Duration | None = Field(
        default=None, description="repeat it at this distance until `until`"
    )
    id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$",
        description="a name for checks and other actions to refer to",
    )

    @property
    def at_ns(self) -> int:
        """When the action starts, in ns from t0; 0 when the spec is silent.

        ``self.at is None`` tells that it is.
        """
        return self.at or 0

    def compile(self, context: PlanContext) -> None:
        """Append this action's primitives to the plan.

        Raises ``SpecError`` through ``context.error``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no compile method")
