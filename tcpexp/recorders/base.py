"""``RecorderModel``: the base class of what ``record:`` can hold.

A recorder is a frozen pydantic model; it compiles to :class:`tcpexp.plan.types.Recorder` entries
and records nothing itself. Its class docstring is its public documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from tcpexp.record.columns import TableSchema
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanContext
    from tcpexp.plan.types import Recorder


class RecorderModel(BaseModel):
    """One key of ``record:``. A subclass sets ``name``, its fields, and perhaps ``shorthand`` and
    ``default``.

    ``shorthand`` names the field that a bare value sets: with ``shorthand = "every"``, ``ss:
    100ms`` means ``ss: {every: 100ms}``. ``default`` says that it records when ``record:`` does not
    name it; ``off`` always switches it off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: ClassVar[str] = ""
    shorthand: ClassVar[str | None] = None
    default: ClassVar[bool] = False
    #: The table that the recorder's rows fill; None where the tables are made from several sources.
    table: ClassVar[TableSchema | None] = None

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, raw: Any) -> Any:
        """Turn ``on`` or a bare value into a mapping."""
        if raw is None or raw is True or raw == "on":
            return {}
        if isinstance(raw, dict):
            return raw
        if cls.shorthand is None:
            raise QuantityError(
                f"'{str(raw)[:40]}' is not a setting of this recorder", "write on, off or a mapping"
            )
        return {cls.shorthand: raw}

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return the plan's recorders; raises ``SpecError`` through ``context.error``."""
        raise NotImplementedError(f"{type(self).__name__} has no compile method")
