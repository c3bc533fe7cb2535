"""The facts as data: ``benchmarks/published/facts/*.yaml``, a list of facts in each file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "facts"


@dataclass(frozen=True)
class Take:
    """Where a number comes from.

    From a run: a ``metric``, or a ``table`` with the words of a study's measures (``column``,
    ``rows``, ``between`` in seconds). ``rows`` may hold a list: one of these values. ``as`` says
    what is made of the column: ``values``, ``gaps`` (distances of neighbours), ``ratios`` (of
    neighbours), ``count``, ``sum``, ``min``, ``max``, ``mean``, ``median``, ``first``, ``last``,
    ``p99`` (by nearest rank), ``per_second`` (sum over ``between``); and ``rise_times``: the times
    at which the column is above the row before, ns. ``skip`` and ``only`` leave out the first of
    them and all after so many.

    From a study: a ``measure``, of the runs whose parameters are ``at``; a list there: one of
    these.
    """

    metric: str | None = None
    table: str | None = None
    column: str | None = None
    rows: dict[str, Any] = field(default_factory=dict)
    between: tuple[float, float] | None = None
    as_: str = "values"
    skip: int = 0
    only: int | None = None
    scale: float = 1.0
    measure: str | None = None
    at: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """One line of the page.

    ``of`` says what of the values it is about: ``values`` (each), ``ratios`` of neighbours,
    ``rises`` (distances of neighbours that rise), ``positive`` (how many are), ``sum``, ``least``,
    ``most``, ``median``; of a study also ``exponent along PARAMETER``.

    ``published`` is what the source says, in its words; ``allowed`` the least and the most that
    count as the same (in ``unit``), ``because`` why. Neither is changed after a measurement without
    a reason in ``note``, which also explains a fact that does not come out.

    ``experiment`` with ``settings`` (``--set``), or ``study`` in its ``form``, gives the ``takes``.
    ``is_`` computes the number from them where there are several.
    """

    name: str
    group: str
    says: str
    source: str
    read: str
    published: str
    allowed: tuple[float | None, float | None]
    because: str
    takes: dict[str, Take]
    unit: str = ""
    digits: int = 2
    of: str = "values"
    experiment: str | None = None
    study: str | None = None
    form: str = "full"
    settings: tuple[str, ...] = ()
    is_: str | None = None
    note: str = ""

    @property
    def run(self) -> str:
        """The name of the run or study that it needs: equal for facts of the same run."""
        return self.study or " ".join([str(self.experiment), *sorted(self.settings)])

    @property
    def command(self) -> str:
        """What to type to have it."""
        if self.study:
            return f"tcpexp sweep {self.study}{' --quick' if self.form == 'quick' else ''}"
        settings = [f"--set {shlex.quote(setting)}" for setting in self.settings]
        return " ".join([f"tcpexp run {self.experiment}", *settings])


_KEYS = {
    "name", "says", "source", "read", "published", "allowed", "because", "take", "takes", "unit",
    "digits", "of", "experiment", "study", "form", "set", "is", "note",
}  # fmt: skip
_TAKE_KEYS = {
    "metric", "table", "column", "rows", "between", "as", "skip", "only", "scale", "measure", "at",
}  # fmt: skip


def load_facts(folder: Path = FOLDER) -> list[Fact]:
    """Return all facts, in the order of the files' names and of the files.

    Raises ``ValueError`` for an unknown key, a missing one and a name that is taken.
    """
    facts: list[Fact] = []
    for path in sorted(folder.glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        facts += [_fact(raw, content["group"], path.name) for raw in content["facts"]]
    names = [fact.name for fact in facts]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"taken twice: {sorted(twice)}")
    return facts


def _fact(raw: dict[str, Any], group: str, place: str) -> Fact:
    where = f"{place}: {raw.get('name', raw)}"
    unknown = set(raw) - _KEYS
    if unknown:
        raise ValueError(f"{where}: unknown {sorted(unknown)}")
    missing = {"name", "says", "source", "read", "published", "allowed", "because"} - set(raw)
    if missing:
        raise ValueError(f"{where}: no {sorted(missing)}")
    if ("experiment" in raw) == ("study" in raw):
        raise ValueError(f"{where}: one of experiment and study")
    if ("take" in raw) == ("takes" in raw):
        raise ValueError(f"{where}: one of take and takes")
    takes = raw["takes"] if "takes" in raw else {"value": raw["take"]}
    if len(takes) > 1 and "is" not in raw:
        raise ValueError(f"{where}: several takes need is")
    low, high = raw["allowed"]
    if low is None and high is None:
        raise ValueError(f"{where}: allowed forbids nothing")
    return Fact(
        name=raw["name"],
        group=group,
        says=raw["says"],
        source=raw["source"],
        read=raw["read"],
        published=str(raw["published"]),
        allowed=(low, high),
        because=raw["because"],
        takes={name: _take(take, where) for name, take in takes.items()},
        unit=raw.get("unit", ""),
        digits=raw.get("digits", 2),
        of=raw.get("of", "values"),
        experiment=raw.get("experiment"),
        study=raw.get("study"),
        form=raw.get("form", "full"),
        settings=tuple(raw.get("set", ())),
        is_=raw.get("is"),
        note=raw.get("note", ""),
    )


def _take(raw: dict[str, Any], where: str) -> Take:
    unknown = set(raw) - _TAKE_KEYS
    if unknown:
        raise ValueError(f"{where}: a take has no {sorted(unknown)}")
    raw = {("as_" if key == "as" else key): value for key, value in raw.items()}
    if "between" in raw:
        raw["between"] = tuple(raw["between"])
    return Take(**raw)
