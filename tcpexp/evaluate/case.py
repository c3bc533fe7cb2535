"""A case: a spec with roles instead of congestion controls, who plays which, and what is asked.

Cases are YAML files in ``cases/``, or a user's own. ``spec:`` is an ordinary spec with a ``sweep:``
and without a name. A text ``$role`` in it stands for the congestion control that plays the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tcpexp import paths
from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.registry import suggest
from tcpexp.spec.source import read_text
from tcpexp.spec.yaml12 import parse_yaml
from tcpexp.units import Size

Player = Literal["new", "old", "none"]
Better = Literal["more", "less"]
_FROZEN = ConfigDict(frozen=True, extra="forbid")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Criterion(BaseModel):
    """One question to the runs of a case, its threshold and the reason for it.

    On each path the bound is what the incumbent has there (``than``), times or divided by
    ``factor``, and ``margin`` beyond it on the lenient side. ``enough`` is a value that suffices
    whatever the incumbent has; without ``than`` it alone is the bound. With ``solo`` the measure is
    turned into harm: what it is beside another, relative to what the same flow has in the mix
    ``solo`` (one for both sides, or one for the new control's and one for the incumbent's).
    """

    model_config = _FROZEN

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    section: str = Field(pattern=r"^[3-7]\.[0-9.]+$", description="of RFC 9743")
    title: str
    measure: Names
    better: Better
    of: str = "new"
    than: str | None = "old"
    solo: Names = ()
    factor: float = Field(default=1.0, ge=1)
    margin: float = Field(default=0.0, ge=0)
    enough: float | None = None
    at: dict[str, str | int | float] = Field(default_factory=dict)
    unit: str = ""
    because: str

    @model_validator(mode="before")
    @classmethod
    def _without_incumbent(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and {"enough"} <= set(raw) and not {"margin", "factor"} & set(raw):
            return {"than": None, **raw}
        return raw

    @property
    def solo_of_new(self) -> str | None:
        """The mix in which the new control's side is alone."""
        return self.solo[0] if self.solo else None

    @property
    def solo_of_old(self) -> str | None:
        """The mix in which the incumbent's side is alone."""
        return self.solo[-1] if self.solo else None


class Completions(BaseModel):
    """Flows whose completion times count: their names begin so; ``bytes`` are what they deliver, in
    turn.
    """

    model_config = _FROZEN

    flows: str
    bytes: Annotated[tuple[Size, ...], BeforeValidator(_listed)]


class Case(BaseModel):
    """One case; see the module."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    sections: tuple[str, ...]
    draft: tuple[str, ...] = ()
    about: str
    mixes: dict[str, dict[str, Player]] | Literal["pairs"]
    completions: dict[str, Completions] = Field(default_factory=dict)
    criteria: tuple[Criterion, ...]
    #: What its actions read; of cases that ship from ``experiments/congestion``, else beside them.
    files: tuple[str, ...] = ()
    spec: dict[str, Any]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known = set(self.mixes) if isinstance(self.mixes, dict) else set(PAIR_MIXES)
        for criterion in self.criteria:
            for mix in (criterion.of, criterion.than, *criterion.solo):
                if mix is not None and mix not in known:
                    hint = suggest(mix, sorted(known)) or f"it has {', '.join(sorted(known))}"
                    raise ValueError(f"{criterion.id}: the case has no mix '{mix}'; {hint}")
        return self


#: The mixes of a case ``mixes: pairs``: the victim, and who is beside it.
PAIR_MIXES = ("old|", "new|", "old|old", "old|new", "new|old", "new|new")
#: The roles of such a case's two flows.
SIDES = ("left", "right")


@dataclass(frozen=True)
class LoadedCase:
    """A case, the text of its file, and where that lies."""

    case: Case
    text: str
    file: str
    folder: Path

    def read_files(self) -> dict[str, bytes]:
        """Return the files that its actions read, by name; raises ``SpecError``."""
        shipped = paths.PACKAGE in self.folder.parents
        folder = paths.experiments_dir() / "congestion" if shipped else self.folder
        found = {}
        for name in self.case.files:
            try:
                found[Path(name).name] = (folder / name).read_bytes()
            except OSError as error:
                raise SpecError(
                    f"its file '{name}' cannot be read: {error.strerror}", where=self.file
                ) from None
        return found


def shipped_case_names() -> list[str]:
    """Return the names of the cases that come with tcpexp."""
    return [path.stem for path in _shipped_files()]


@cache
def _shipped_files() -> tuple[Path, ...]:
    folder = Path(str(resources.files("tcpexp.evaluate").joinpath("cases")))
    return tuple(sorted(folder.glob("*.yaml")))


def load_cases(wanted: tuple[str, ...] = ()) -> list[LoadedCase]:
    """Return the cases of these names or files, all that ship when there is none.

    Raises ``SpecErrors``.
    """
    shipped = {path.stem: path for path in _shipped_files()}
    if not wanted:
        return [load_case(path) for path in shipped.values()]
    chosen = []
    for name in dict.fromkeys(wanted):
        if name in shipped:
            chosen.append(load_case(shipped[name]))
        elif name.endswith((".yaml", ".yml")):
            chosen.append(load_case(Path(name)))
        else:
            raise SpecError(
                f"there is no case '{name}'",
                where="--cases",
                hint=suggest(name, list(shipped)) or f"there are {', '.join(shipped)}",
            )
    return chosen


def load_case(path: Path) -> LoadedCase:
    """Return the case in a file; raises ``SpecErrors``."""
    text = read_text(path)
    document = parse_yaml(text, str(path))
    try:
        case = Case.model_validate(document.raw)
    except ValidationError as error:
        raise SpecErrors(list(_errors(error, document.places, path))) from None
    return LoadedCase(case, text, str(path), path.resolve().parent)


def _errors(
    error: ValidationError, places: Mapping[Any, Position | str], path: Path
) -> Iterator[SpecError]:
    for entry in error.errors():
        keys = tuple(entry["loc"])
        where = next(
            (
                places[keys[:length]]
                for length in range(len(keys), -1, -1)
                if keys[:length] in places
            ),
            Position(str(path), 1, 1),
        )
        words = entry["msg"].removeprefix("Value error, ")
        yield SpecError(f"{'.'.join(map(str, keys))}: {words}" if keys else words, where=where)
