"""``SampledRecorder``: a recorder that is declared in one place.

What a spec says of it, the sampler that runs where the experiment runs, and the table that its rows
fill are parts of one class. The recorder ``cpu`` is one; docs/guides/extending.md shows another.
"""

from __future__ import annotations

import dis
import inspect
import textwrap
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tcpexp.plan.types import Recorder
from tcpexp.record.columns import TableSchema
from tcpexp.record.sampling import OPEN_SAMPLE, OpenSample, sampler_path
from tcpexp.recorders.base import RecorderModel
from tcpexp.units import Duration

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanContext

SECOND_NS = 1_000_000_000
SHORTEST_INTERVAL_NS = 1_000_000


class Sampler(RecorderModel):
    """A recorder that takes a sample at fixed times: 0, ``every``, 2 x ``every``..."""

    shorthand: ClassVar[str | None] = "every"

    def interval_ns(self, context: PlanContext, every: int) -> int:
        """Return the interval; raises ``SpecError`` when it is too short to keep."""
        if every < SHORTEST_INTERVAL_NS:
            raise context.error("the interval is below 1ms", hint="write 1ms or more", key="every")
        return every


class SampledRecorder(Sampler):
    """A sampled recorder with a table of its own.

    ``sampler`` is described in :mod:`tcpexp.record.sampling`. That of a plugin travels to the place
    as text, so it must not use names of its module: it imports what it needs itself, from the
    standard library. ``per_host`` says that there is one for each host, not one for the whole
    machine.
    """

    sampler: ClassVar[OpenSample]
    table: ClassVar[TableSchema | None]
    per_host: ClassVar[bool] = False

    every: Duration = Field(default=SECOND_NS, description="distance of the samples")

    def options(self, context: PlanContext) -> dict[str, Any]:
        """Return what the sampler is told (plain JSON values)."""
        return {}

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder per host, or one for the whole machine."""
        if not _ships(type(self).sampler):
            context.file(sampler_path(self.name), self._sampler_text(context))
        interval_ns = self.interval_ns(context, self.every)
        nodes = context.hosts() if self.per_host else (None,)
        options = self.options(context)
        return tuple(Recorder(self.name, node, None, interval_ns, dict(options)) for node in nodes)

    @classmethod
    def rows(cls, recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows of the table, made from the recorded lines in their order.

        They have the table's columns as keys: unknown ones are ignored, absent ones are null.
        """
        return recorded

    def _sampler_text(self, context: PlanContext) -> str:
        """Return the sampler as a file of its own; raises ``SpecError`` when it cannot be one."""
        function: Any = type(self).sampler  # of the instance it would be a method
        foreign = sorted(set(_names_of_module(function.__code__, function.__globals__)))
        if foreign:
            raise context.error(
                f"the sampler {function.__name__} of the recorder '{self.name}' uses"
                f" '{foreign[0]}' of its module, which does not travel with it",
                hint="import or define it inside of the function",
            )
        try:
            text = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError):
            raise context.error(
                f"the text of the sampler of the recorder '{self.name}' cannot be found",
                hint="write it as a function of the plugin's file",
            ) from None
        name = function.__name__
        also_known = "" if name == OPEN_SAMPLE else f"\n\n{OPEN_SAMPLE} = {name}\n"
        return f"from __future__ import annotations\n\n\n{text}{also_known}"


def _ships(function: Any) -> bool:
    """Return whether a sampler is part of tcpexp, which is in the place already."""
    return str(function.__module__).startswith("tcpexp.")


def _names_of_module(code: types.CodeType, known: dict[str, Any]) -> Iterator[str]:
    """Yield the names of its module that a function, or one within it, uses."""
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if instruction.opname.startswith("LOAD_GLOBAL") and name in known:
            yield name
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of_module(constant, known)
