"""``Plot``: what every figure is, and how its options are checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.errors import SpecError
from tcpexp.registry import suggest
from tcpexp.units import QuantityError, parse_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.plots.kit.table import Table
    from tcpexp.store.rundata import RunData

Options = Mapping[str, Any]

#: Options that every plot understands.
COMMON: dict[str, Any] = {"name": "", "title": "", "between": None, "flows": None}


class OptionError(SpecError):
    """An option that a plot lacks (``unknown``), or that has a value which the plot cannot use."""

    def __init__(
        self, message: str, option: str, *, unknown: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.option = option
        self.unknown = unknown


class Plot:
    """One figure of a run.

    Subclasses set ``name`` (as a spec writes it), ``title`` (over the figure) and ``defaults``
    (their own options and the values these take when a spec leaves them out), and implement
    :meth:`draw`. The class's docstring is the public description; its first paragraph is the
    caption in the report.

    ``time_axis`` says that the horizontal axis is the experiment's time; such figures share their
    limits and margins. ``on_demand`` keeps the figure out of a report whose spec names no plots.
    ``narrows``: it can be drawn as narrow as a phone; one that cannot is scrolled there.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    defaults: ClassVar[dict[str, Any]] = {}
    time_axis: ClassVar[bool] = True
    on_demand: ClassVar[bool] = False
    narrows: ClassVar[bool] = True

    def draw(self, run: RunData, options: Options) -> Figure | Table | None:
        """Return the figure or the table, or None when the run holds no data for it.

        ``options`` holds every key of ``defaults`` and the common ones: ``title`` (replaces the
        class's), ``between`` (two times in ns, or None for the whole run) and ``flows`` (names, or
        None for all).
        """
        raise NotImplementedError

    @classmethod
    def caption(cls) -> str:
        """Return the docstring's first paragraph on one line."""
        return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())

    @classmethod
    def resolve(cls, given: Options) -> dict[str, Any]:
        """Return ``given`` completed with the defaults.

        Raises ``OptionError`` for the first option that cannot be.
        """
        for error in cls.option_errors(given):
            raise error
        known = {**COMMON, **cls.defaults}
        resolved = {**known, **given, "name": cls.name}
        resolved["title"] = given.get("title") or cls.title
        resolved["between"] = _interval_ns(cls.name, given.get("between"))
        return resolved

    @classmethod
    def option_errors(cls, given: Options) -> list[OptionError]:
        """Return what is wrong with options: names that this plot lacks, and values of another kind
        than the default.
        """
        known = {**COMMON, **cls.defaults}
        errors = []
        for key, value in given.items():
            if key not in known or key == "name":
                hint = suggest(str(key), [option for option in known if option != "name"])
                errors.append(
                    OptionError(
                        f"plot '{cls.name}' has no option '{key}'",
                        str(key),
                        unknown=True,
                        hint=hint,
                    )
                )
                continue
            try:
                _check_kind(cls.name, key, value, known[key])
                if key == "between":
                    _interval_ns(cls.name, value)
            except SpecError as error:
                errors.append(OptionError(error.message, key, hint=error.hint))
        return errors


def _check_kind(plot: str, key: str, value: Any, default: Any) -> None:
    """Raise ``SpecError`` when ``value`` is not of the kind of a default that is a number, a truth
    value or a text.
    """
    if (
        key == "flows"
        and value is not None
        and not (isinstance(value, list | tuple) and all(isinstance(name, str) for name in value))
    ):
        raise SpecError(
            f"plot '{plot}': flows must be a list of names", hint="such as [web, upload]"
        )
    if isinstance(default, bool) and not isinstance(value, bool):
        raise SpecError(f"plot '{plot}': {key} must be true or false, not {value!r}")
    if isinstance(default, int) and not isinstance(default, bool):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SpecError(f"plot '{plot}': {key} must be a whole number above 0, not {value!r}")
    elif isinstance(default, str) and not isinstance(value, str):
        raise SpecError(f"plot '{plot}': {key} must be a text, not {value!r}")


def _interval_ns(plot: str, between: Any) -> tuple[int, int] | None:
    """Return ``between`` as two times in ns; accepts integers (ns) and texts such as ``10s``."""
    if between is None:
        return None
    if not isinstance(between, list | tuple) or len(between) != 2:
        raise SpecError(f"plot '{plot}': between must be two times", hint="such as [10s, 20s]")
    start, end = (_time_ns(plot, moment) for moment in between)
    if end <= start:
        raise SpecError(f"plot '{plot}': between must end after it starts")
    return start, end


def _time_ns(plot: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_duration(value)
    except QuantityError as error:
        raise SpecError(f"plot '{plot}': {error.message}", hint=error.hint) from None
