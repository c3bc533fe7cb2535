"""``Run``, one recorded run, for scripts and notebooks; ``run`` makes one, ``load`` opens one."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterable, Mapping
from functools import cached_property
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import paths
from tcpexp.checks.base import Undecided
from tcpexp.checks.metric import number_at
from tcpexp.checks.run import load_checks
from tcpexp.errors import DataError, HostError, SpecError
from tcpexp.notebook.making import make_run
from tcpexp.notebook.shown import HEIGHT, Shown, link_html, page_in_frame, table_html
from tcpexp.notebook.spec import Spec
from tcpexp.notebook.verdicts import Verdicts
from tcpexp.places.registry import AUTO
from tcpexp.registry import suggest
from tcpexp.report.page.content import flow_rows, overrides_of
from tcpexp.report.prose import inline_html
from tcpexp.runs.options import RunOptions
from tcpexp.store.rundata import RunData
from tcpexp.store.schemas import tables_of

if TYPE_CHECKING:
    import pandas
    import polars
    from matplotlib.figure import Figure

    from tcpexp.exports.write import Format
    from tcpexp.notebook.progress import Progress
    from tcpexp.notebook.rundiff import RunDiff
    from tcpexp.notebook.values import Settings
    from tcpexp.places.base import Clock
    from tcpexp.plan.types import RunPlan

#: Columns of the summary's table of flows: heading, and key of a row.
FLOW_COLUMNS = (
    ("flow", "name"),
    ("goodput", "goodput"),
    ("share", "share"),
    ("retransmissions", "retransmissions"),
    ("RTT p50 ms", "p50"),
    ("p99", "p99"),
)


class Run:
    """One recorded run: its tables, numbers, verdicts, figures and report.

    Everything is read from the run's folder when it is asked for. In a notebook the run itself is
    shown as a summary.
    """

    def __init__(self, path: str | Path, *, given: Spec | None = None) -> None:
        self.path = Path(path)
        self.data = RunData(self.path)
        self._given = given

    # what was run

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.plan.name

    @property
    def title(self) -> str:
        """The experiment's heading."""
        return self.plan.title or self.plan.name

    @property
    def seed(self) -> int:
        """The seed."""
        return self.plan.seed

    @property
    def status(self) -> str:
        """How it ended: ``complete``, ``interrupted`` or ``failed``."""
        return self.data.status

    @property
    def plan(self) -> RunPlan:
        """What was run, with every default resolved."""
        return self.data.plan

    @cached_property
    def spec(self) -> Spec:
        """The spec that was run, with the values that were set for this run."""
        given = self._given or Spec(self.path / "spec.yaml")
        spec = given.copy()
        return spec.set(overrides_of((self.data.manifest or {}).get("command") or []))

    # what was recorded

    @property
    def tables(self) -> list[str]:
        """The names of the tables that this run has."""
        return [name for name in tables_of(self.plan) if (self._table_path(name)).is_file()]

    def table(self, name: str) -> polars.DataFrame:
        """Return a table, such as ``packets`` or ``rtt``, as a polars frame.

        What a row and each column mean is in ``columns(name)`` and on the page of tables. A table
        that this run does not have is empty. Raises ``SpecError`` for a name that is none.
        """
        known = tables_of(self.plan)
        if name not in known:
            raise SpecError(f"there is no table '{name}'", hint=suggest(name, list(known)))
        return self.data.table(name)

    def pandas(self, name: str) -> pandas.DataFrame:
        """Return a table as a frame of pandas'; raises ``HostError`` when pandas is missing."""
        lacking = [module for module in ("pandas", "pyarrow") if not find_spec(module)]
        if lacking:
            raise HostError(
                f"a frame of pandas' needs {' and '.join(lacking)}",
                hint="pip install 'tcpexp[pandas]'; run.table() gives the same as a polars frame",
            )
        return self.table(name).to_pandas()

    def columns(self, name: str) -> polars.DataFrame:
        """Return what the columns of a table mean: ``column``, ``type``, ``unit``, ``meaning``."""
        import polars as pl

        self.table(name)
        columns = tables_of(self.plan)[name].columns
        return pl.DataFrame(
            {
                "column": [column.name for column in columns],
                "type": [column.type for column in columns],
                "unit": [column.unit for column in columns],
                "meaning": [column.meaning for column in columns],
            }
        )

    # what was measured

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The numbers of ``metrics.json``, nested: ``run.metrics["flows"]["up"]``."""
        return self.data.metrics

    def metric(self, path: str) -> float:
        """Return a number by its path, such as ``flows.up.goodput_bps``; raises ``DataError`` with
        a suggestion when the run has none there.
        """
        from tcpexp.report.explanation import by_direction

        try:
            return number_at(by_direction(self.metrics), path)
        except Undecided as why:
            raise DataError(str(why)) from None

    @cached_property
    def verdicts(self) -> Verdicts:
        """What the checks of ``expect:`` say."""
        return Verdicts(load_checks(self.path))

    @property
    def question(self) -> str:
        """What the experiment asks: the spec's ``description``."""
        return self.plan.description

    @property
    def answer(self) -> str:
        """The spec's ``answer`` with the numbers of this run; empty where it gives none."""
        from tcpexp.report.explanation import answer_of

        return answer_of(self.data)

    @cached_property
    def certificate(self) -> dict[str, Any]:
        """Whether the network was what the spec asks for: ``verdict`` (VALID, SUSPECT, INVALID) and
        ``reasons``.
        """
        return self.data.certificate

    # what is shown

    @property
    def figures(self) -> list[str]:
        """The plots that the spec asks for; :meth:`figure` draws every other too."""
        from tcpexp.catalogue import catalogue_for
        from tcpexp.plots.run import wanted_plots

        return list(
            dict.fromkeys(
                wanted.plot.name for wanted in wanted_plots(self.data, catalogue_for(self.plan))
            )
        )

    def figure(self, plot: str, **options: Any) -> Figure:
        """Return a plot of this run, such as ``cwnd``, as a figure of matplotlib's.

        Options are those of the spec's ``plots:`` (``between=("10s", "20s")``, ``flows=["up"]``,
        ``title=...`` for every plot); ``flow="up"`` is short for one flow. Raises ``SpecError`` for
        a plot or an option that is none, ``DataError`` where the run has no data for it.
        """
        from tcpexp.notebook.figure import draw_figure

        return draw_figure(self.data, plot, options)

    @property
    def report(self) -> Path:
        """The report's file; made again where it was removed."""
        path = self.path / "report.html"
        if not path.is_file():
            from tcpexp.report.page.write import write_report

            return write_report(self.data)
        return path

    def show(self, *, height: int = HEIGHT) -> Shown:
        """Return the report, for a notebook's cell to show in a frame of ``height`` pixels."""
        page = self.report.read_text(encoding="utf-8")
        return Shown(page_in_frame(page, self.title, height), f"report: {self.report}")

    def open(self) -> None:
        """Open the report in the browser."""
        webbrowser.open(self.report.absolute().as_uri())

    # what else can be done with it

    def export(
        self, kind: Format, *, out: str | Path | None = None, tables: Iterable[str] = ()
    ) -> list[Path]:
        """Write this run as ``csv``, ``parquet`` or ``qlog`` and return the files, as ``tcpexp
        export`` does.
        """
        from tcpexp.exports.write import export_run

        return export_run(self.data, kind, None if out is None else Path(out), tables)

    def diff(self, other: Run | str | Path) -> RunDiff:
        """Return what differs between this run (A) and another one (B)."""
        from tcpexp.notebook.rundiff import RunDiff

        return RunDiff(self.data, (other if isinstance(other, Run) else load(other)).data)

    def again(
        self,
        *,
        set: Settings | None = None,
        seed: int | None = None,
        kernel: str | None = None,
        on: str | None = None,
        out: str | Path | None = None,
        progress: Progress = False,
    ) -> Run:
        """Make the run again, with its spec, settings and seed, and with what is given instead."""
        manifest = self.data.manifest or {}
        return run(
            self.spec,
            set=set,
            seed=self.seed if seed is None else seed,
            kernel=kernel or manifest.get("kernel_sha256"),
            on=on or str(manifest.get("where") or "auto"),
            out=self.path.parent.parent if out is None else out,
            progress=progress,
        )

    def __repr__(self) -> str:
        verdict = self.certificate.get("verdict", "no certificate")
        return f"Run({self.name}, {self.id}: {self.status}, {self.verdicts.words()}, {verdict})"

    def _repr_html_(self) -> str:
        certificate = self.certificate.get("verdict", "none")
        reasons = "; ".join(self.certificate.get("reasons") or [])
        lines = [
            f"<strong>{escape(self.title)}</strong>",
            f"{escape(self.status)}, seed {self.seed} · verdicts: {escape(self.verdicts.words())}"
            f" · certificate: {escape(certificate)}{f' ({escape(reasons)})' if reasons else ''}",
        ]
        if self.answer:
            lines.append(inline_html(self.answer))
        rows = flow_rows(self.data)
        if rows:
            heads = [escape(head) for head, _ in FLOW_COLUMNS]
            cells = [[escape(str(row[key])) for _, key in FLOW_COLUMNS] for row in rows]  # type: ignore[literal-required]
            lines.append(table_html(heads, cells))
        lines.append(link_html(self.path / "report.html", "report.html"))
        return f"<div>{'<br>'.join(lines)}</div>"

    def _table_path(self, name: str) -> Path:
        return self.path / "tables" / f"{name}.parquet"


def run(
    spec: str | Path | Mapping[str, Any] | Spec,
    *,
    set: Settings | None = None,
    seed: int | None = None,
    kernel: str | None = None,
    on: str = AUTO,
    clock: Clock | None = None,
    out: str | Path | None = None,
    figures: bool = False,
    progress: Progress = False,
) -> Run:
    """Make a run, and return it when its report is written.

    ``spec`` is an experiment's name, a file, YAML text, a dict or a :class:`Spec`. ``set`` gives
    values by path (``{"links.h1-h2.rate": "20mbit"}``, or ``"path=value"`` texts) and leaves the
    spec as it is. ``seed``, ``kernel``, ``on`` (the place), ``clock`` and ``out`` (the results'
    folder) are those of the command ``tcpexp run``. ``progress=True`` shows a bar; a function is
    called with the phase and the experiment's time in seconds.

    Raises:
        SpecError: the spec, or what is set, is wrong; nothing was run and nothing written.
        HostError: this machine lacks something.
        RunError: the run failed; what was recorded is kept, and the message names its folder.
        KeyboardInterrupt: it was interrupted; what was recorded is kept.
    """
    given = spec if isinstance(spec, Spec) else Spec(spec)
    folder = None if out is None else Path(out)
    options = RunOptions(on, clock, kernel, seed, out=folder, figures=figures)
    return Run(make_run(given, set, options, progress), given=given)


def load(run: str | Path, *, results: str | Path | None = None) -> Run:
    """Return a recorded run: by its folder or report, its id, or its experiment's name (the newest
    run).

    ``results`` is the folder in which ids and names are looked for. Raises ``SpecError`` when there
    is none.
    """
    name = Path(run)
    if name.name == "report.html" and name.is_file():
        name = name.parent
    found = paths.find_run(str(name), None if results is None else Path(results))
    return Run(found)
