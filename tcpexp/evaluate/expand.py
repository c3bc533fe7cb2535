"""From a case and controls to specs: who plays which role, repeated flows written out, what needs a
flow that is not there left out.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import SpecError
from tcpexp.evaluate.case import SIDES, Case, LoadedCase
from tcpexp.evaluate.control import Control
from tcpexp.spec.dump import dump_yaml
from tcpexp.spec.expressions import parse_expression
from tcpexp.spec.source import Source
from tcpexp.studies.draws import share_of
from tcpexp.units import QuantityError, format_duration, parse_duration

#: What is not needed for any measure, and costs time.
RECORD = {"trace": "off", "ss": "off", "counters": "off"}


@dataclass(frozen=True)
class Mix:
    """Who plays which role: ``name`` as criteria say it, None for a role that nobody plays.

    ``old`` is the incumbent that takes part, None where none does.
    """

    name: str
    roles: Mapping[str, Control | None]
    old: str | None = None

    @property
    def words(self) -> str:
        """The roles in words: ``short=cubic, long=bbr``."""
        return ", ".join(
            f"{role}={control.name}" for role, control in self.roles.items() if control is not None
        )


def mixes_of(case: Case, new: Control, against: list[Control]) -> list[Mix]:
    """Return the mixes of a case.

    ``mixes: pairs`` gives every control alone and every pair of them; others are of the new control
    and the first of ``against``.
    """
    if isinstance(case.mixes, dict):
        players = {"new": new, "old": against[0], "none": None}
        return [
            Mix(
                name,
                {role: players[player] for role, player in roles.items()},
                against[0].name if "old" in roles.values() else None,
            )
            for name, roles in case.mixes.items()
        ]
    controls = list({control.name: control for control in (new, *against)}.values())
    solos = [Mix(f"{one.name}|", {SIDES[0]: one, SIDES[1]: None}) for one in controls]
    pairs = [
        Mix(f"{one.name}|{other.name}", {SIDES[0]: one, SIDES[1]: other})
        for one, other in itertools.combinations_with_replacement(sorted_names(controls), 2)
    ]
    return solos + pairs


def sorted_names(controls: list[Control]) -> list[Control]:
    """Return controls in the order of their names: so a pair is the same run in each evaluation."""
    return sorted(controls, key=lambda control: control.name)


def source_of(loaded: LoadedCase, mix: Mix, folder: Path) -> Source:
    """Return the spec of a case in which the roles are played as ``mix`` says.

    The files that it names lie in ``folder``.

    Raises ``SpecError`` where a role of the spec has no player.
    """
    raw = copy.deepcopy(loaded.case.spec)
    absent = {role for role, control in mix.roles.items() if control is None}
    actions, gone = [], set()
    for action in raw.get("actions", []):
        if {action.pop("role", None), *_roles_in(action)} & absent:
            gone.add(str(action.get("id", "")))
        else:
            actions.extend(_many(action))
    raw["actions"] = [_played(action, mix, loaded) for action in actions]
    _leave_out(raw.get("sweep", {}), gone)
    raw = {
        "name": loaded.case.name,
        "title": f"{loaded.case.title}: {mix.words}",
        "description": loaded.case.about.strip(),
        "record": dict(RECORD),
        "plots": [],
        **raw,
    }
    return Source(loaded.file, folder, dump_yaml(raw), raw)


def spec_name(case: str, words: str) -> str:
    """Return the name of the file that has a mix's spec: ``pairs-left-bbr-right-cubic``."""
    return "-".join([case, *words.replace(",", "").replace("=", "-").split()])


def _roles_in(value: Any) -> Iterator[str]:
    """Yield the roles that an action names."""
    if isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    for item in value.values() if isinstance(value, dict) else ():
        yield from _roles_in(item)


def _played(action: dict[str, Any], mix: Mix, loaded: LoadedCase) -> dict[str, Any]:
    played = dict(action)
    for key, value in action.items():
        if isinstance(value, str) and value.startswith("$"):
            control = mix.roles.get(value[1:])
            if control is None:
                raise SpecError(
                    f"nobody plays the role '{value[1:]}' in the mix {mix.name}",
                    where=loaded.file,
                    hint="name it under mixes:",
                )
            played[key] = control.value
    return played


def _many(action: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the actions that ``many:`` stands for; lists under ``path`` are taken in turn.

    ``many: {count, from, to}`` spaces them evenly; with ``gaps: exponential`` the gaps are drawn
    from the exponential distribution, the same in every run.
    """
    many = action.pop("many", None)
    if many is None:
        return [action]
    first, last = parse_duration(many["from"]), parse_duration(many["to"])
    count = int(many["count"])
    gaps = [
        -math.log(1 - share_of(f"gap {number}", 1)) if many.get("gaps") == "exponential" else 1.0
        for number in range(count)
    ]
    places = list(itertools.accumulate(gaps[:-1], initial=0.0))
    scale = (last - first) / (places[-1] or 1.0)
    path = action["path"] if isinstance(action.get("path"), list) else [action.get("path")]
    return [
        {
            **action,
            "id": f"{action['id']}{number + 1}",
            "at": format_duration(round((first + place * scale) / 1e6) * 1_000_000),
            **({"path": path[number % len(path)]} if path[0] is not None else {}),
        }
        for number, place in enumerate(places)
    ]


def _leave_out(sweep: dict[str, Any], gone: set[str]) -> None:
    """Leave out of a sweep what is about actions that are not there: measures, and what is drawn
    for them.
    """
    sweep["vary"] = {
        name: drawn
        for name, drawn in sweep.get("vary", {}).items()
        if not any(f"[{one}]" in str(drawn.get("set")) for one in gone)
    }
    measures: dict[str, Any] = {}
    known = {*sweep.get("parameters", {}), *sweep["vary"]}
    for name, measure in sweep.get("measures", {}).items():
        rows = measure.get("from", {}).get("rows", {}) if isinstance(measure, dict) else {}
        metric = str(measure.get("metric", "")) if isinstance(measure, dict) else str(measure)
        if rows.get("flow") in gone or any(metric.startswith(f"flows.{one}.") for one in gone):
            continue
        used = _names_in(measure)
        if used <= known | set(measures):
            measures[name] = measure
    sweep["measures"] = measures


def _names_in(measure: Any) -> frozenset[str]:
    text = measure.get("is") if isinstance(measure, dict) else None
    if text is None:
        return frozenset()
    try:
        return parse_expression(text).names
    except QuantityError:
        return frozenset()  # the spec's own check says what is wrong
