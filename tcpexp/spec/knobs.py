"""``Knob``: a value of a spec that a reader may turn (``knobs:``), and what it can be set to."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcpexp.spec.sweep import Range, Scalar
from tcpexp.units import QuantityError


class Knob(BaseModel):
    """One value of the spec: a path as in ``--set``, a label for people, and what it may be.

    ``values`` are choices, ``range`` a slider from one quantity to another; with neither, whatever
    the spec accepts at the path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    path: str = Field(min_length=1, description="as in --set: links.h1-h2.rate, actions[up].at")
    label: str = Field(default="", description="what it is, in a few words; the path when silent")
    values: tuple[Scalar, ...] | None = Field(
        default=None, min_length=2, description="the choices, as the spec would have them"
    )
    range: Range | None = Field(
        default=None,
        description="from one value to another: {from: 1mbit, to: 100mbit, steps: 9, scale: log}",
    )

    @model_validator(mode="before")
    @classmethod
    def _expand_path(cls, raw: Any) -> Any:
        return {"path": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.values is not None and self.range is not None:
            raise QuantityError("values and range exclude each other", "keep one of them")
        return self

    @property
    def name(self) -> str:
        """What it is called: its label, else its path."""
        return self.label or self.path

    def choices(self) -> tuple[Scalar, ...]:
        """Return the values that it may be set to; none where the author says nothing."""
        if self.values is not None:
            return self.values
        return self.range.list() if self.range is not None else ()
