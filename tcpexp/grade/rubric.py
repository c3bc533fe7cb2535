"""A rubric: exercises, and for each the checks that give points.

YAML, with the checks in the words of ``expect:`` (docs/guides/grading.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from tcpexp import paths
from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.checks.base import unknown_references
from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import to_json
from tcpexp.spec.messages import translate
from tcpexp.spec.model import ExpectEntry, build_expect
from tcpexp.spec.placed import PlacedError
from tcpexp.spec.source import Source, load_source
from tcpexp.units import Duration, Fraction, QuantityError

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue
    from tcpexp.plan.types import RunPlan

_FROZEN = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
Pinned = Literal["network", "actions", "seed", "duration"]
MOST_POINTS = 1e6
DEFAULT_LIMIT_NS = 600 * 10**9


@dataclass(frozen=True)
class GradedCheck:
    """One check of an exercise, and what a PASS of it is worth."""

    entry: ExpectEntry
    points: float
    title: str


def build_graded(raw: Any, info: ValidationInfo) -> GradedCheck:
    """Return one entry of ``checks:``: one check, as in ``expect:``, with ``points`` and perhaps a
    ``title`` beside it.
    """
    if not isinstance(raw, dict):
        raise PlacedError(
            "an entry of checks: is a mapping",
            "write - {goodput: {flow: web, at_least: 9mbit}, points: 2}",
        )
    points, title = raw.get("points"), raw.get("title")
    if (
        isinstance(points, bool)
        or not isinstance(points, (int, float))
        or not 0 <= points <= MOST_POINTS
    ):
        raise PlacedError(
            "a check of a rubric says what it is worth",
            "add points: with a number from 0 on",
            ("points",) if "points" in raw else (),
        )
    if not isinstance(title, (str, type(None))):
        raise PlacedError("a title is a text", "put it in quotes", ("title",))
    entries = build_expect(
        {key: value for key, value in raw.items() if key not in ("points", "title")}, info
    )
    if len(entries) != 1:
        raise PlacedError("points: belong to one check", "write each check as an entry of its own")
    return GradedCheck(entries[0], float(points), title or entries[0].model.title())


def _parse_time(value: Any) -> Any:
    if value is None or isinstance(value, datetime):
        return value
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise QuantityError(
            f"'{value}' is not a time", "write for example 2026-11-20T23:59:00+01:00"
        ) from None
    if time.tzinfo is None:
        raise QuantityError(f"'{value}' has no time zone", f"write {value}+01:00, or {value}Z")
    return time


class Exercise(BaseModel):
    """One exercise: the experiment that students hand in under its name."""

    model_config = _FROZEN

    title: str = Field(
        default="", description="words for the tables; the experiment's name when silent"
    )
    spec: str | None = Field(
        default=None,
        description=(
            "the experiment as it was given out: a file beside the rubric, or the name of one that"
            " ships"
        ),
    )
    pinned: tuple[Pinned, ...] = Field(
        default=(),
        description=(
            "what must be as in `spec`: `network` (topology, links, hosts), `actions`, `seed`,"
            " `duration`; anything else is not graded"
        ),
    )
    deadline: Annotated[datetime | None, BeforeValidator(_parse_time)] = Field(
        default=None, description="until when, with a time zone; see --received"
    )
    late: Fraction = Field(
        default=0.0,
        description="what the points of late work count, such as 50%; nothing when silent",
    )
    time_limit: Duration = Field(
        default=DEFAULT_LIMIT_NS,
        description=(
            "how long a run that is made here may take, in wall time; 10 minutes when silent"
        ),
    )
    checks: tuple[Annotated[Any, BeforeValidator(build_graded)], ...] = Field(
        min_length=1, description="what gives points"
    )

    @field_validator("pinned", mode="before")
    @classmethod
    def _expand(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, str) else raw

    @property
    def points(self) -> float:
        """What all checks together are worth."""
        return float(sum(check.points for check in self.checks))


class Rubric(BaseModel):
    """What is asked of every student, by the names of the experiments."""

    model_config = _FROZEN

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        description="a short name for folders: letters, digits, _ and -",
    )
    title: str = Field(default="", description="one line for the tables")
    plugins: tuple[str, ...] = Field(
        default=(), description="Python files beside the rubric with checks of your own"
    )
    exercises: dict[str, Exercise] = Field(
        min_length=1, description="exercises by the name: of the experiment that is handed in"
    )

    _source: Source = PrivateAttr(default_factory=Source)
    _plugins: dict[str, str] = PrivateAttr(default_factory=dict)
    _given: dict[str, Any] = PrivateAttr(default_factory=dict)
    _texts: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def points(self) -> float:
        """What everything together is worth."""
        return sum(exercise.points for exercise in self.exercises.values())

    def given(self, exercise: str) -> RunPlan | None:
        """Return the plan of the exercise as it was given out, None when the rubric names none."""
        return self._given.get(exercise)

    def given_text(self, exercise: str) -> str | None:
        """Return the hash of the spec that was given out, as :func:`tcpexp.grade.rubric.spec_hash`
        has it.
        """
        return self._texts.get(exercise)

    def criteria(self) -> Criteria:
        """Return what a process that looks at one submission needs."""
        checks = {
            name: tuple((check.entry.name, check.entry.parameters) for check in exercise.checks)
            for name, exercise in self.exercises.items()
        }
        plans = {name: to_json(plan) for name, plan in self._given.items()}
        return Criteria(checks, dict(self._plugins), plans)


@dataclass(frozen=True)
class Criteria:
    """The checks of each exercise as (name, parameters), the text of the rubric's plugins, and the
    plans of exercises whose spec the rubric names, as JSON.
    """

    checks: dict[str, tuple[tuple[str, Any], ...]]
    plugins: dict[str, str]
    plans: dict[str, str] = dataclasses.field(default_factory=dict)


def load_rubric(path: Path) -> Rubric:
    """Return the rubric in ``path``, its checks validated and its specs compiled.

    Raises ``SpecErrors`` with every error's place.
    """
    source = load_source(path)
    catalogue = load_catalogue()
    names = source.raw_at("plugins")
    for index, name in enumerate(
        [names] if isinstance(names, str) else names if isinstance(names, list) else []
    ):
        try:
            catalogue.load_plugin(source.folder, str(name))
        except SpecError as error:
            raise SpecErrors(
                [SpecError(error.message, where=source.place("plugins", index), hint=error.hint)]
            ) from None
    try:
        rubric = Rubric.model_validate(source.raw, context={"catalogue": catalogue})
    except ValidationError as error:
        mistakes = [
            SpecError(
                mistake.message,
                where=source.place(*mistake.path, key=mistake.key),
                hint=mistake.hint,
            )
            for mistake in translate(error, Rubric, source.raw)
        ]
        raise SpecErrors(mistakes) from None
    rubric._source, rubric._plugins = source, dict(catalogue.plugins)
    errors: list[SpecError] = []
    for name, exercise in rubric.exercises.items():
        _load_given(rubric, name, exercise, catalogue, errors)
    if errors:
        raise SpecErrors(errors)
    return rubric


def _load_given(
    rubric: Rubric, name: str, exercise: Exercise, catalogue: Catalogue, errors: list[SpecError]
) -> None:
    """Compile the exercise's own experiment and look up in it what the checks name."""
    source = rubric._source
    if exercise.spec is None:
        if exercise.pinned:
            where = source.place("exercises", name, "pinned", key=True)
            errors.append(
                SpecError(
                    "pinned: compares with the experiment as it was given out",
                    where=where,
                    hint="name it with spec:",
                )
            )
        return
    beside = source.folder / exercise.spec
    try:
        path = beside if beside.is_file() else paths.find_spec(exercise.spec)
        spec = load_spec(path)
        plan = compile_plan(spec, catalogue)
    except SpecErrors as several:
        errors += several.errors
        return
    except SpecError as error:
        errors.append(
            SpecError(error.message, where=source.place("exercises", name, "spec"), hint=error.hint)
        )
        return
    if plan.name != name:
        hint = f"write the exercise as {plan.name}:"
        errors.append(
            SpecError(
                f"{exercise.spec} is the experiment '{plan.name}', not '{name}'",
                where=source.place("exercises", name, key=True),
                hint=hint,
            )
        )
    for index, check in enumerate(exercise.checks):
        for words in unknown_references(check.entry.model, plan):
            errors.append(
                SpecError(
                    words,
                    where=source.place("exercises", name, "checks", index),
                    hint=f"as {exercise.spec} has it",
                )
            )
    rubric._given[name], rubric._texts[name] = plan, spec_hash(spec.source.raw)


#: Top-level keys of a spec that change nothing of what happens.
PROSE = (
    "name",
    "title",
    "description",
    "references",
    "explain",
    "answer",
    "key",
    "questions",
    "knobs",
    "expect",
    "plots",
    "sweep",
)


def spec_hash(raw: dict[str, Any]) -> str:
    """Return a hash that is equal for specs that differ in prose, expectations, figures and layout
    only.
    """
    return hash_of({key: value for key, value in raw.items() if key not in PROSE})


def hash_of(value: Any) -> str:
    """Return the sha256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def part_hashes(plan: RunPlan) -> dict[str, str]:
    """Return the hash of each part that a rubric can pin."""
    return {name: hash_of(value) for name, value in parts_of(plan).items()}


def parts_of(plan: RunPlan) -> dict[str, Any]:
    """Return the parts of a plan that a rubric can pin, as plain values that can be compared."""
    raw = dataclasses.asdict(plan)
    shipped = [file for file in raw["files"] if not file["path"].startswith("plugins/")]
    return {
        "network": raw["network"],
        "actions": [raw["setup"], raw["steps"], raw["flows"], shipped],
        "seed": raw["seed"],
        "duration": raw["duration_ns"],
    }
