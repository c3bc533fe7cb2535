"""Look at one spec or run of a student, in a process that may fail: what it is, whether it is
whole, and the verdicts of the rubric's checks.

Everything here works on files of people whom one need not trust. Nothing in them is executed or
imported, nothing is written to them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from tcpexp.catalogue import load_catalogue
from tcpexp.checks.run import judge_entry
from tcpexp.errors import DataError, SpecErrors, TcpexpError
from tcpexp.grade.captures import judge_captures_of
from tcpexp.grade.rubric import Criteria, hash_of, part_hashes, spec_hash
from tcpexp.grade.submissions import unplain_files
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan, from_json, to_json
from tcpexp.spec.load import validate_source
from tcpexp.spec.source import load_source
from tcpexp.store.manifest import NAME, sha256_of, verify
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue
    from tcpexp.checks.base import Verdict

#: What becomes of a spec or a run: a run that was judged; a spec that can be run; else why not.
State = Literal["judged", "spec", "damaged", "incomplete", "refused", "wrong"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:>-]{0,99}")


class RunFacts(TypedDict, total=False):
    """What a recorded run says of itself; ``captures`` are the sha256 of its captures by name."""

    run_id: str
    status: str
    where: str
    clock: str
    seed: int
    image_sha256: str | None
    kernel_sha256: str | None
    experiment: str
    tcpexp: str
    captures: dict[str, str]
    certificate: str


class JudgedCheck(TypedDict):
    """A verdict on one check of the exercise."""

    result: str
    measured: str
    asked: str
    reason: str


@dataclass(frozen=True)
class Look:
    """What one spec or run is: plain values only, so that it can be handed over as JSON.

    ``parts`` are hashes of the plan's parts that a rubric can pin. ``same_as`` are hashes that are
    equal for equal captures (runs) or equal specs apart from prose. ``verdicts`` are one per check
    of the exercise, in its order.
    """

    path: str
    kind: Literal["run", "spec", "capture"]
    state: State
    experiment: str | None = None
    reason: str | None = None
    parts: dict[str, str] = dataclasses.field(default_factory=dict)
    captures: str | None = None
    text: str | None = None
    verdicts: list[JudgedCheck] = dataclasses.field(default_factory=list)
    facts: RunFacts = dataclasses.field(default_factory=RunFacts)
    plan: str | None = None


def look_at(kind: str, path: str, criteria: Criteria) -> dict[str, Any]:
    """Return the :class:`Look` at a spec or a run as plain values."""
    look = (
        look_at_run(Path(path), criteria) if kind == "run" else look_at_spec(Path(path), criteria)
    )
    return dataclasses.asdict(look)


def look_at_captures(names: str, exercise: str, folder: str, criteria: Criteria) -> dict[str, Any]:
    """Explain the captures of one measurement in ``folder``, judge them by the exercise's checks,
    and return the :class:`Look` at them as plain values. ``names`` are the files', as JSON.
    """
    files = [Path(name) for name in json.loads(names)]
    digests = sorted(sha256_of(path) for path in files)
    look = Look(str(files[0]), "capture", "wrong", exercise, captures=hash_of(digests))
    try:
        verdicts = judge_captures_of(files, exercise, criteria, Path(folder))
    except TcpexpError as error:
        state: State = "damaged" if isinstance(error, DataError) else "wrong"
        words = str(error).replace(f"{files[0].parent}/", "").replace(f"{folder}/raw/", "")
        return dataclasses.asdict(dataclasses.replace(look, state=state, reason=words[:500]))
    judged = [_judged(verdict) for verdict in verdicts]
    facts: RunFacts = {"where": "capture", "clock": "real", "status": "complete"}
    done = dataclasses.replace(look, state="judged", verdicts=judged, facts=facts)
    return dataclasses.asdict(done)


# --------------------------------------------------------------------------------
# specs


def look_at_spec(path: Path, criteria: Criteria) -> Look:
    """Compile a spec; one that would execute something outside of the guest is refused before it is
    loaded.
    """
    look = Look(str(path), "spec", "wrong")
    try:
        source = load_source(path)
        raw = source.raw if isinstance(source.raw, dict) else {}
        name = str(raw["name"])[:64] if "name" in raw else None
        look = dataclasses.replace(look, experiment=name, text=spec_hash(raw))
        if raw.get("plugins"):
            reason = (
                f"it brings programs of its own (plugins: {_words(raw['plugins'])}); they are not"
                " executed"
            )
            return dataclasses.replace(look, state="refused", reason=reason)
        catalogue = load_catalogue(runs_code=False)
        plan = compile_plan(validate_source(source, catalogue), catalogue)
    except SpecErrors as errors:
        words = "; ".join(str(error).removeprefix(f"{path.parent}/") for error in errors.errors[:3])
        of_its_own = ("program of its own", "congestion control of its own")
        state: State = "refused" if any(each in words for each in of_its_own) else "wrong"
        return dataclasses.replace(look, state=state, reason=words[:500])
    except TcpexpError as error:
        return dataclasses.replace(look, reason=str(error)[:500])
    return dataclasses.replace(
        look, state="spec", experiment=plan.name, parts=part_hashes(plan), plan=to_json(plan)
    )


def _words(value: Any) -> str:
    return ", ".join(map(str, value))[:100] if isinstance(value, list) else str(value)[:100]


# --------------------------------------------------------------------------------
# runs


def look_at_run(path: Path, criteria: Criteria) -> Look:
    """Verify a run directory against its manifest and judge it by the exercise's checks.

    What is damaged or not complete is not judged.
    """
    look = Look(str(path), "run", "damaged")
    try:
        links = unplain_files(path)
        plan = _read_plan(path) if "plan.json" not in links else None
        if plan is not None:
            look = dataclasses.replace(look, experiment=plan.name, parts=part_hashes(plan))
        if links or plan is None:
            return dataclasses.replace(
                look,
                state="refused",
                reason=f"{links[0]} is a link or a special file; it is not read",
            )
        if not (path / NAME).is_file():
            return dataclasses.replace(
                look,
                state="incomplete",
                reason="there is no manifest: the run never reached its end",
            )
        manifest = verify(path)
        captures = {
            name: digest
            for name, digest in manifest.files.items()
            if name.startswith("raw/") and name.endswith(".pcap")
        }
        facts: RunFacts = {
            "run_id": manifest.run_id,
            "status": manifest.status,
            "where": manifest.where,
            "clock": manifest.clock,
            "seed": manifest.seed,
            "image_sha256": manifest.image_sha256,
            "kernel_sha256": manifest.kernel_sha256,
            "experiment": manifest.experiment,
            "tcpexp": str(manifest.versions.get("tcpexp")),
            "captures": captures,
        }
        look = dataclasses.replace(
            look, facts=facts, captures=hash_of(captures) if captures else None, text=_text_of(path)
        )
        if manifest.status != "complete":
            return dataclasses.replace(
                look,
                state="incomplete",
                reason=f"the run is not complete: {str(manifest.failure or manifest.status)[:300]}",
            )
        if plan.plugins:
            return dataclasses.replace(
                look,
                state="refused",
                reason=(
                    f"it has programs of its own ({_words(list(plan.plugins))}); they are not"
                    " executed"
                ),
            )
        if (manifest.experiment, manifest.seed) != (plan.name, plan.seed):
            return dataclasses.replace(
                look, reason="manifest.json and plan.json are of different runs"
            )
        verdicts = judge(path, plan, criteria)
    except DataError as error:
        return dataclasses.replace(look, reason=str(error).replace(f"{path}", path.name)[:500])
    certificate = (
        json.loads((path / "certificate.json").read_text()).get("verdict")
        if (path / "certificate.json").is_file()
        else None
    )
    return dataclasses.replace(
        look, state="judged", verdicts=verdicts, facts={**facts, "certificate": str(certificate)}
    )


def _read_plan(path: Path) -> RunPlan:
    """Return the plan of a run directory.

    One whose names could lead anywhere else raises ``DataError``.
    """
    try:
        plan: RunPlan = from_json((path / "plan.json").read_text(encoding="utf-8"), RunPlan)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"plan.json: damaged: {error}") from None
    for name in (
        plan.name,
        *(node.name for node in plan.network.nodes),
        *(flow.name for flow in plan.flows),
        *(step.id for step in (*plan.setup, *plan.steps)),
    ):
        if not _NAME.fullmatch(name):
            raise DataError(f"plan.json: '{name[:40]}' is no name that a spec could give")
    return plan


def _text_of(path: Path) -> str | None:
    """Return the hash of the spec in a run directory, None when it cannot be read."""
    try:
        raw = load_source(path / "spec.yaml").raw
    except SpecErrors:
        return None
    return spec_hash(raw) if isinstance(raw, dict) else None


def judge(path: Path, plan: RunPlan, criteria: Criteria) -> list[JudgedCheck]:
    """Return a verdict per check of the exercise that the run is of, none when it is of no
    exercise; raises ``DataError``.
    """
    if plan.name not in criteria.checks:
        return []
    run = RunData(path)
    registry = _catalogue(criteria).checks
    verdicts: list[JudgedCheck] = []
    for name, parameters in criteria.checks[plan.name]:
        verdicts.append(_judged(judge_entry(run, registry, name, parameters)))
    return verdicts


def _judged(verdict: Verdict | None) -> JudgedCheck:
    """Return a verdict as plain values; None is that of a check that is left out."""
    if verdict is None:
        reason = "the check is about another kernel or another version of IP than the run's"
        return {"result": "UNSUPPORTED", "measured": "not measured", "asked": "", "reason": reason}
    return {
        "result": verdict.result,
        "measured": verdict.measured,
        "asked": verdict.asked,
        "reason": verdict.reason,
    }


def _catalogue(criteria: Criteria) -> Catalogue:
    """Return the catalogue with the rubric's own plugins, which are the grader's, and none of the
    students'.
    """
    catalogue = load_catalogue()
    for name, source in criteria.plugins.items():
        catalogue.load_plugin_text(name, source)
    return catalogue
