"""A study: one spec with a sweep, all the runs that it comes to, each with the hash that names it,
and the folder that keeps them.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import paths
from tcpexp.batch.cell import CellTask, Keep, content_key
from tcpexp.batch.estimate import Forecast, forecast_run
from tcpexp.batch.folder import StudyFolder
from tcpexp.batch.measure import definition
from tcpexp.batch.workplace import load_workplace
from tcpexp.catalogue import load_catalogue
from tcpexp.errors import HostError, SpecError, SpecErrors
from tcpexp.notebook.shown import HEIGHT, Shown
from tcpexp.places.registry import GUEST
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.examine import examine_spec
from tcpexp.plan.types import to_json
from tcpexp.spec.load import order_of, read_source, validate_source
from tcpexp.spec.overrides import override_source
from tcpexp.spec.source import Source, load_source
from tcpexp.spec.sweep import SweepSpec
from tcpexp.studies.draws import drawn_overrides
from tcpexp.studies.matrix import Cell, expand_cells
from tcpexp.studies.names import unknown_names
from tcpexp.studies.reading import Results
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    import polars
    from matplotlib.figure import Figure

    from tcpexp.catalogue import Catalogue
    from tcpexp.notebook.run import Run
    from tcpexp.notebook.verdicts import Verdicts
    from tcpexp.plan.types import RunPlan
    from tcpexp.spec.model import ExperimentSpec

SEED_RANGE = 2**32
#: What decides a run's results besides its plan, in a place with this kernel (None: the usual one).
IdentityWith = Callable[[str | None], dict[str, str]]
#: So many mistakes in a sweep's values are enough to mend.
MOST_ERRORS = 20


@dataclass(frozen=True)
class StudyOptions:
    """How to make a study.

    ``quick`` is its form, ``overrides`` are ``--set`` values. ``out`` says where it is kept and
    ``keep`` what of each run. Runs are made in ``workplace``, with ``kernel``.
    """

    quick: bool = False
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    keep: Keep | None = None
    workplace: str = GUEST
    kernel: str | None = None


@dataclass(frozen=True)
class PlannedRun:
    """One run: its cell, which repetition (from 0 on), its seed, the hash that names it, what it is
    expected to cost, the kernel that it asks for, and the identity of the place that makes it.
    """

    number: int
    cell: Cell
    repeat: int
    seed: int
    key: str
    forecast: Forecast
    kernel: str | None
    identity: dict[str, str]


class Study:
    """A spec's sweep, expanded and compiled; every run's plan can be made again at any time.

    ``runs`` are the runs that it comes to. What they gave, once they are made, is in ``table``,
    ``metrics``, ``verdicts``, ``figure()``, ``series()`` and the report.
    """

    def __init__(
        self,
        spec: ExperimentSpec,
        base: Source,
        catalogue: Catalogue,
        options: StudyOptions,
        identity_with: IdentityWith,
        given: Source | None = None,
    ) -> None:
        assert spec.sweep is not None
        #: The spec as it was given, without the ``--set`` values.
        self.given = given or spec.source
        self.spec = spec
        self.sweep: SweepSpec = spec.sweep
        self.options = options
        self.name = f"{spec.name}-quick" if options.quick else spec.name
        self.keep: Keep = options.keep or spec.sweep.keep
        self.cells = expand_cells(spec, options.quick)
        self._base, self._catalogue = base, catalogue
        self._identity_with = identity_with
        self.runs = list(self._plan_runs())

    @property
    def identity(self) -> dict[str, str]:
        """What decides the runs' results besides their plans: image, kernel, engine.

        Where the study varies the kernel, ``kernel (debian-6.1)`` and the like.
        """
        names = {run.kernel or "usual": run.identity for run in self.runs}
        first = next(iter(names.values()), {})
        same = {name for name in first if len({one.get(name) for one in names.values()}) == 1}
        merged = {name: value for name, value in first.items() if name in same}
        for kernel, one in names.items():
            merged |= {f"{name} ({kernel})": one[name] for name in one if name not in same}
        return merged

    # what the runs gave

    @property
    def results(self) -> Results:
        """What lies in its folder; the properties below are the same in fewer words."""
        return Results(self)

    @property
    def table(self) -> polars.DataFrame:
        """A row for each run: its parameters, how it ended, its measures."""
        return self.results.table()

    @property
    def metrics(self) -> polars.DataFrame:
        """A row for each run and number of ``metrics.json``, with the run's parameters."""
        return self.results.metrics()

    @property
    def verdicts(self) -> Verdicts:
        """What its ``expect:`` says."""
        return self.results.verdicts()

    @property
    def figures(self) -> list[str]:
        """The headings of its figures."""
        return self.results.figures()

    def figure(
        self, which: int | str = 0, *, x: str | None = None, by: str | None = None
    ) -> Figure:
        """Return a figure by its number or heading, or a measure as lines over the parameter
        ``x``, a line for each value of ``by``.
        """
        return self.results.figure(which, x=x, by=by)

    def series(self, table: str) -> polars.DataFrame:
        """Return a table of every run, one below the other, with the run's parameters."""
        return self.results.series(table)

    def run(self, number: int) -> Run:
        """Return a run by its number, where the study keeps whole runs."""
        return self.results.run(number)

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.results.report()

    def show(self, *, height: int = HEIGHT) -> Shown:
        """Return the report, for a notebook's cell to show."""
        return self.results.show(height)

    def open(self) -> None:
        """Open the report in the browser."""
        self.results.open()

    def __repr__(self) -> str:
        return f"Study({self.name}: {len(self.cells)} combinations x {self.repeats})"

    def _repr_html_(self) -> str:
        return self.results.html()

    @property
    def repeats(self) -> int:
        """How often each cell is run."""
        return self.sweep.repeats(self.options.quick)

    def folder(self) -> StudyFolder:
        """Return where the study is kept: ``<out>/<name>``, by default in ``studies`` of the
        results.
        """
        above = (
            self.options.out
            if self.options.out is not None
            else paths.default_results_dir() / "studies"
        )
        return StudyFolder(above.absolute() / self.name)

    def _plan_runs(self) -> Iterator[PlannedRun]:
        number = 0
        errors: dict[tuple[str, str], SpecError] = {}
        for cell in self.cells:
            try:
                for planned in self._plan_cell(cell, number):
                    number += 1
                    yield planned
            except SpecErrors as several:
                for error in several.errors:
                    errors.setdefault(
                        (str(error.where), error.message.partition(", with ")[0]), error
                    )
            if len(errors) >= MOST_ERRORS:
                break
        if errors:
            raise SpecErrors(list(errors.values()))

    def _plan_cell(self, cell: Cell, number: int) -> Iterator[PlannedRun]:
        spec = self._cell_spec(cell)
        kernel = self.options.kernel or spec.kernel
        identity = self._identity_of(cell, kernel)
        for repeat in range(self.repeats):
            seed = seed_of(spec.seed, repeat)
            plan = self._compile(
                self._cell_spec(cell, seed) if self.sweep.vary else spec, cell, seed
            )
            yield PlannedRun(
                number + repeat,
                cell,
                repeat,
                plan.seed,
                content_key(plan, identity),
                forecast_run(plan, self.keep),
                kernel,
                identity,
            )

    def _identity_of(self, cell: Cell, kernel: str | None) -> dict[str, str]:
        """Return the identity of the place that makes a combination's runs.

        Raises ``SpecErrors`` at the parameter that names no kernel.
        """
        varied = cell.origin_of("kernel")
        if varied is not None and self.options.kernel is not None:
            where = self.spec.place("sweep", "parameters", varied, key=True)
            raise SpecErrors(
                [SpecError("this sweep varies the kernel", where=where, hint="leave --kernel out")]
            )
        try:
            return self._identity_with(kernel)
        except SpecError as error:
            where = (
                self.spec.place("sweep", "parameters", varied)
                if varied is not None
                else self.spec.place("kernel")
                if self.options.kernel is None
                else "--kernel"
            )
            raise SpecErrors([SpecError(error.message, where=where, hint=error.hint)]) from None

    def plan_of(self, run: PlannedRun) -> RunPlan:
        """Return the plan of a run."""
        return self._compile(self._cell_spec(run.cell, run.seed), run.cell, run.seed)

    def task_of(self, run: PlannedRun, folder: StudyFolder, token: str) -> CellTask:
        """Return what a worker is given to make a run."""
        measures = tuple(
            definition(measure.from_)
            for measure in self.sweep.measures.values()
            if measure.from_ is not None
        )
        return CellTask(
            run.key,
            f"{run.cell.label}, seed={run.seed}",
            to_json(self.plan_of(run)),
            self.spec.source.text.encode(),
            str(folder.path),
            token,
            self.options.workplace,
            run.identity,
            self.keep,
            measures,
        )

    def _cell_spec(self, cell: Cell, seed: int | None = None) -> ExperimentSpec:
        """Return the spec of a combination; with ``seed``, also with what that repetition draws."""
        try:
            drawn = drawn_overrides(self.sweep, cell, seed)[0] if seed is not None else []
            return validate_source(
                override_source(self._base, (*cell.overrides, *drawn)), self._catalogue
            )
        except QuantityError as error:
            raise SpecErrors(
                [
                    SpecError(
                        f"{error.message}, with {cell.label}",
                        where=self.spec.place("sweep", "vary"),
                        hint=error.hint,
                    )
                ]
            ) from None
        except SpecErrors as errors:
            raise self._placed(errors, cell, seed) from None

    def _compile(self, spec: ExperimentSpec, cell: Cell, seed: int) -> RunPlan:
        try:
            return compile_plan(spec, self._catalogue, seed=seed)
        except SpecErrors as errors:
            raise self._placed(errors, cell, seed) from None

    def _placed(self, errors: SpecErrors, cell: Cell, seed: int | None = None) -> SpecErrors:
        """Return errors of values that the sweep set, each with its parameter's place."""
        origins: dict[str, str | None] = dict(zip(cell.overrides, cell.origins, strict=True))
        if seed is not None:
            origins |= dict(zip(*drawn_overrides(self.sweep, cell, seed), strict=True))
        placed = []
        for error in errors.errors:
            text = re.sub(r"^--set ", "", str(error.where))
            source = next(
                (
                    override
                    for override in origins
                    if override == text or (len(text) >= 80 and override.startswith(text))
                ),
                None,
            )
            where: Any = error.where
            if source is not None:
                name = origins[source]
                key = "vary" if name in self.sweep.vary else "parameters"
                where = (
                    self.spec.place("sweep", "quick", "set")
                    if name is None
                    else self.spec.place("sweep", key, name)
                )
            placed.append(
                SpecError(f"{error.message}, with {cell.label}", where=where, hint=error.hint)
            )
        return SpecErrors(placed)


def seed_of(base: int, repeat: int) -> int:
    """Return the seed of a repetition: the spec's plus its number, as ``tcpexp run --repeat`` has
    it.

    The repetitions of all cells have the same seeds, so that cells can be compared seed by seed.
    """
    return (base + repeat) % SEED_RANGE


def load_study(path: Path | Source, options: StudyOptions) -> Study:
    """Return the study that the spec in ``path`` describes, every run of it compiled.

    Raises ``SpecErrors`` and ``HostError``.
    """
    given = path if isinstance(path, Source) else load_source(path)
    read = _read(given, options.overrides)
    expand_cells(read[0], options.quick)  # its errors come before a guest's image is built
    workplace = load_workplace(options.workplace, options.kernel or read[0].kernel)
    options = dataclasses.replace(options, workplace=workplace.name)
    lacks = workplace.missing()
    if lacks:
        raise HostError(f"this machine cannot run {read[0].name}", missing=lacks)

    @functools.cache
    def identity_with(kernel: str | None) -> dict[str, str]:
        return load_workplace(workplace.name, kernel).identity()

    return _compiled(read, options, identity_with, given)


def compile_study(
    given: Source, options: StudyOptions, identity: dict[str, str], catalogue: Catalogue
) -> Study:
    """Return the study of a spec for a place of which the identity is known.

    ``catalogue`` may serve many of them, as none of them has plugins or names a kernel. Raises
    ``SpecErrors``. Needs no guest.
    """
    return _compiled(_read_with(given, catalogue), options, lambda _kernel: identity, given)


def examine_study(path: Path, overrides: tuple[str, ...] = ()) -> tuple[RunPlan, dict[str, int]]:
    """Return the spec's own plan, and how many runs each form of its sweep has.

    Every one is compiled. Raises ``SpecErrors``, all of them. Needs no guest.
    """
    catalogue = load_catalogue()
    examined = examine_spec(read_source(path, overrides), catalogue)
    errors, runs = list(examined.errors), {}
    if examined.rest is not None:
        try:
            runs = _count_runs(examined.rest, catalogue)
        except SpecErrors as several:
            seen = {error.message for error in errors}
            errors += [
                error
                for error in several.errors
                if not any(error.message.startswith(message) for message in seen)
            ]
    if examined.plan is None or errors:
        raise SpecErrors(sorted(errors, key=order_of))
    return examined.plan, runs


def check_sweep(path: Path, overrides: tuple[str, ...] = ()) -> dict[str, int]:
    """Compile every run of the spec's sweep, in both forms, and return how many there are in each.

    Raises ``SpecErrors``. Needs no guest.
    """
    return examine_study(path, overrides)[1]


def _count_runs(source: Source, catalogue: Catalogue) -> dict[str, int]:
    read = _read_with(source, catalogue)
    if read[0].sweep is None:
        return {}
    forms = {"full": False} | ({"quick": True} if read[0].sweep.quick is not None else {})
    return {
        form: len(_compiled(read, StudyOptions(quick), lambda kernel: {}).runs)
        for form, quick in forms.items()
    }


def _read(given: Source, overrides: tuple[str, ...]) -> tuple[ExperimentSpec, Source, Catalogue]:
    """Return the spec, its source without the sweep, and what it was read with.

    Raises ``SpecErrors`` with all that is wrong with the spec itself.
    """
    catalogue = load_catalogue()
    source = read_source(given, overrides)
    try:
        return _read_with(source, catalogue)
    except SpecErrors as first:
        raise SpecErrors(list(examine_spec(source, catalogue).errors) or first.errors) from None


def _read_with(source: Source, catalogue: Catalogue) -> tuple[ExperimentSpec, Source, Catalogue]:
    spec = validate_source(source, catalogue)
    raw = {key: value for key, value in source.raw.items() if key != "sweep"}
    return spec, dataclasses.replace(source, raw=raw), catalogue


def _compiled(
    read: tuple[ExperimentSpec, Source, Catalogue],
    options: StudyOptions,
    identity_with: IdentityWith,
    given: Source | None = None,
) -> Study:
    """Return the study; its measures name what its runs have."""
    study = Study(*read, options, identity_with, given)
    errors = unknown_names(study.spec, (study.plan_of(run) for run in study.runs))
    if errors:
        raise SpecErrors(errors)
    return study
