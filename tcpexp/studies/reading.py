"""What a study says once its runs are made: tables, verdicts, figures and runs, for scripts and
notebooks.
"""

from __future__ import annotations

import webbrowser
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import DataError, SpecError
from tcpexp.late import polars as pl
from tcpexp.notebook.figure import shown
from tcpexp.notebook.run import Run
from tcpexp.notebook.shown import HEIGHT, Shown, link_html, page_in_frame
from tcpexp.notebook.verdicts import Verdicts
from tcpexp.registry import suggest
from tcpexp.store.frames import read_table

if TYPE_CHECKING:
    import polars
    from matplotlib.figure import Figure

    from tcpexp.studies.study import Study


class Results:
    """The results that lie in a study's folder; whatever is asked for is read then."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def table(self) -> polars.DataFrame:
        """Return a row for each run: its parameters, how it ended, its measures."""
        return self._dataset("runs")

    def metrics(self) -> polars.DataFrame:
        """Return a row for each run and number of ``metrics.json``, with the run's parameters."""
        return self._dataset("metrics")

    def verdicts(self) -> Verdicts:
        """Return what the study's ``expect:`` says, judged from the table of runs."""
        from tcpexp.studies.judge import judge_study

        return Verdicts(judge_study(self._study, self.table()))

    def figures(self) -> list[str]:
        """Return the headings of the study's figures, in the report's order."""
        from tcpexp.studies.figures import title_of, wanted_figures

        return [title_of(entry) for entry in wanted_figures(self._study)]

    def figure(
        self, which: int | str = 0, *, x: str | None = None, by: str | None = None
    ) -> Figure:
        """Return one of the study's figures by its number (from 0 on) or heading, or a measure as
        lines over the parameter ``x``, a line for each value of ``by``.

        Raises ``SpecError`` for what is none, ``DataError`` when no run is finished.
        """
        from tcpexp.plots.kit.style import house_style
        from tcpexp.studies.figures import draw

        entry = self._entry(which, x, by)
        with house_style(f"tcpexp-{self._study.name}"):
            figure = draw(self._study, self.table(), entry)
        if figure is None:
            raise DataError(f"no run of the study {self._study.name} is finished")
        return shown(figure)

    def _entry(self, which: int | str, x: str | None, by: str | None) -> Any:
        from tcpexp.spec.study import Lines
        from tcpexp.studies.figures import wanted_figures

        entries = wanted_figures(self._study)
        if isinstance(which, int):
            if not -len(entries) <= which < len(entries):
                raise SpecError(f"the study has {len(entries)} figures, no number {which}")
            return entries[which]
        titles = self.figures()
        if which in titles and x is None and by is None:
            return entries[titles.index(which)]
        sweep = self._study.sweep
        if which not in sweep.measures:
            raise SpecError(
                f"the study has no figure and no measure '{which}'",
                hint=suggest(which, [*titles, *sweep.measures]),
            )
        names = [name for name, parameter in sweep.parameters.items() if parameter.is_ is None]
        for name in (x, by):
            if name is not None and name not in sweep.parameters:
                raise SpecError(
                    f"the study has no parameter '{name}'",
                    hint=suggest(name, list(sweep.parameters)),
                )
        over = x or names[0]
        others = [name for name in names if name != over]
        return Lines(x=over, y=which, by=by or (others[0] if others else None))

    def series(self, name: str) -> polars.DataFrame:
        """Return a table of every run one below the other, such as ``rtt``: the columns ``run``,
        ``seed`` and the parameters, then those of the table.

        Only of runs whose tables are kept (``keep="tables"`` or ``"runs"``).
        """
        names = ["run", "seed", *self._study.sweep.parameters]
        runs = self.table().select(names)
        types, rows = runs.schema, {row["run"]: row for row in runs.to_dicts()}
        parts = []
        folder = self._study.folder()
        for run in self._study.runs:
            kept = folder.cell(run.key)
            kept = kept / "run" if (kept / "run").is_dir() else kept
            if (kept / "tables" / f"{name}.parquet").is_file():
                columns = [
                    pl.lit(value, dtype=types[key]).alias(key)
                    for key, value in rows[run.number].items()
                ]
                frame = read_table(kept, name)
                parts.append(frame.select(*columns, *frame.columns))
        if not parts:
            raise DataError(
                f"no run of the study {self._study.name} has kept a table '{name}'",
                hint="sweep(..., keep='tables') keeps them",
            )
        return pl.concat(parts)

    def run(self, number: int) -> Run:
        """Return a run by its number in the table of runs, if the study keeps whole runs."""
        runs = self._study.runs
        if not 0 <= number < len(runs):
            raise SpecError(f"the study has {len(runs)} runs, counted from 0; no run {number}")
        folder = self._study.folder()
        key = runs[number].key
        path = (folder.cell(key) if folder.has(key) else folder.failed(key)) / "run"
        if not path.is_dir():
            raise DataError(
                f"run {number} of the study {self._study.name} is not there as a whole",
                hint="sweep(..., keep='runs') keeps runs with their captures and reports",
            )
        return Run(path)

    def report(self) -> Path:
        """Return the report's file; raises ``DataError`` when there is none yet."""
        path = self._study.folder().path / "report.html"
        if not path.is_file():
            raise DataError(f"the study {self._study.name} has no report yet", hint="make it")
        return path

    def show(self, height: int = HEIGHT) -> Shown:
        """Return the report, for a notebook's cell to show."""
        page = self.report().read_text(encoding="utf-8")
        title = self._study.spec.title or self._study.name
        return Shown(page_in_frame(page, title, height), f"report: {self.report()}")

    def open(self) -> None:
        """Open the report in the browser."""
        webbrowser.open(self.report().absolute().as_uri())

    def words(self) -> str:
        """Return where the study stands in a few words."""
        if not self._made():
            return f"{len(self._study.runs)} runs, none made yet"
        counts = self.table()["status"].value_counts(sort=True).rows()
        runs = ", ".join(f"{count} {status}" for status, count in counts)
        return f"{len(self._study.runs)} runs ({runs}), verdicts: {self.verdicts().words()}"

    def html(self) -> str:
        """Return a summary for a notebook's cell."""
        title = escape(self._study.spec.title or self._study.name)
        path = self._study.folder().path / "report.html"
        link = f"<br>{link_html(path, 'report.html')}" if path.is_file() else ""
        return f"<div><strong>{title}</strong><br>{escape(self.words())}{link}</div>"

    def _dataset(self, name: str) -> polars.DataFrame:
        folder = self._study.folder().tables / name
        if not self._made():
            raise DataError(
                f"the study {self._study.name} has no results yet", hint="tcpexp.sweep makes them"
            )
        return pl.read_parquet(folder)

    def _made(self) -> bool:
        """Return whether there are results."""
        return any((self._study.folder().tables / "runs").glob("*.parquet"))
