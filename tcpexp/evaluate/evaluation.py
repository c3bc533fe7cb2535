"""An evaluation: cases, the new control, the incumbents, and all the runs that these come to.

::

    <results>/evaluations/
      cells/<key>/                     finished runs, shared by all evaluations
      failed/<key>/  work/             as in a study's folder
      reports/<name>/                  report.html, results.json, specs/, of one evaluation
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcpexp import paths
from tcpexp.batch.cell import Keep
from tcpexp.batch.folder import StudyFolder
from tcpexp.batch.workplace import load_workplace
from tcpexp.catalogue import load_catalogue
from tcpexp.errors import HostError, SpecError
from tcpexp.evaluate.case import LoadedCase, load_cases
from tcpexp.evaluate.control import Control, parse_control, parse_controls
from tcpexp.evaluate.expand import Mix, mixes_of, source_of
from tcpexp.places.registry import GUEST
from tcpexp.spec.source import Source
from tcpexp.studies.study import PlannedRun, Study, StudyOptions, compile_study

#: The controls that the IETF has standardised for general use (RFC 9438, RFC 5681); the first is
#: the incumbent of cases with one flow.
AGAINST = ("cubic", "reno")


@dataclass(frozen=True)
class EvaluationOptions:
    """How to make an evaluation; see ``tcpexp evaluate --help``."""

    against: tuple[str, ...] = AGAINST
    cases: tuple[str, ...] = ()
    quick: bool = True
    out: Path | None = None
    keep: Keep = "metrics"
    workplace: str = GUEST
    kernel: str | None = None


@dataclass(frozen=True)
class Member:
    """The runs of one case in one mix."""

    loaded: LoadedCase
    mix: Mix
    study: Study


@dataclass(frozen=True)
class Row:
    """One finished run, as criteria see it.

    ``path`` are the values of the case's parameters as written, ``values`` its measures by name
    (None: not measured), ``times`` the completion times of its flows in ms by the name of the
    workload, in no order.
    """

    case: str
    mix: str
    old: str | None
    path: tuple[tuple[str, Any], ...]
    seed: int
    key: str
    values: dict[str, float | None]
    times: dict[str, tuple[float, ...]] = field(default_factory=dict)


class Evaluation:
    """A control under test beside the incumbents, every run of every case compiled."""

    def __init__(
        self,
        new: Control,
        against: list[Control],
        cases: list[LoadedCase],
        options: EvaluationOptions,
        identity: dict[str, str],
    ) -> None:
        self.new, self.against, self.cases = new, against, cases
        self.options, self.identity = options, identity
        self._bench = tempfile.TemporaryDirectory(prefix="tcpexp-evaluate-")
        self.write_files(Path(self._bench.name))
        self.members = list(self._members())

    @property
    def name(self) -> str:
        """Its name, such as ``bbr-against-cubic-reno-quick``; with chosen cases theirs too."""
        others = "-".join(control.name for control in self.against)
        kernel = re.sub(r"[^A-Za-z0-9.]+", "-", self.options.kernel or "")
        parts = [
            f"{self.new.name}-against-{others}",
            *([kernel] if kernel else []),
            *(["quick"] if self.options.quick else []),
            *([loaded.case.name for loaded in self.cases] if self.options.cases else []),
        ]
        return "-".join(parts)

    def folder(self) -> StudyFolder:
        """Return where runs are kept, of all evaluations."""
        return StudyFolder(self.above())

    def above(self) -> Path:
        """Return the folder of all evaluations."""
        out = self.options.out
        return (out or paths.default_results_dir() / "evaluations").absolute()

    def report_folder(self) -> Path:
        """Return where this evaluation's report is."""
        return self.above() / "reports" / self.name

    def write_files(self, folder: Path) -> None:
        """Write what specs read into their folder: sources of controls, and files of cases.

        Raises ``SpecError`` where two of them have one name.
        """
        written: dict[str, bytes] = {}
        groups = [control.files for control in (self.new, *self.against)]
        groups += [loaded.read_files() for loaded in self.cases]
        for name, content in (entry for group in groups for entry in group.items()):
            if written.setdefault(name, content) != content:
                raise SpecError(f"two files are called {name}", where="CC", hint="rename one")
            (folder / name).write_bytes(content)

    def source_of(self, member: Member) -> Source:
        """Return a member's spec."""
        return source_of(member.loaded, member.mix, Path(self._bench.name))

    def runs(self) -> list[tuple[Member, PlannedRun]]:
        """Return every run with the member that it belongs to; equal runs more than once."""
        return [(member, run) for member in self.members for run in member.study.runs]

    def _members(self) -> Iterator[Member]:
        options = StudyOptions(
            quick=self.options.quick, keep=self.options.keep, workplace=self.options.workplace
        )
        catalogue = load_catalogue()
        for loaded in self.cases:
            for mix in mixes_of(loaded.case, self.new, self.against):
                quick = self.options.quick and "quick" in loaded.case.spec.get("sweep", {})
                own = dataclasses.replace(options, quick=quick)
                source = source_of(loaded, mix, Path(self._bench.name))
                yield Member(loaded, mix, compile_study(source, own, self.identity, catalogue))


def load_evaluation(control: str, options: EvaluationOptions) -> Evaluation:
    """Return the evaluation of a control, every run compiled.

    Raises ``SpecErrors`` and ``HostError``.
    """
    new = parse_control(control, "CC")
    against = parse_controls(options.against, "--against")
    if not against:
        raise SpecError("there is nobody to compare with", where="--against", hint="name cubic")
    for other in against:
        if other.name == new.name and other.value != new.value:
            raise SpecError(
                f"two controls are called {new.name}", where="--against", hint="rename the file"
            )
    cases = load_cases(options.cases)
    workplace = load_workplace(options.workplace, options.kernel)
    options = dataclasses.replace(options, workplace=workplace.name)
    lacks = workplace.missing()
    if lacks:
        raise HostError("this machine cannot make the runs", missing=lacks)
    return Evaluation(new, against, cases, options, workplace.identity())
