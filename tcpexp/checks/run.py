"""Judge a run: every entry of the plan's ``expect`` to a verdict, and ``checks.json``."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.checks.base import Check, Evidence, Verdict
from tcpexp.errors import DataError, SpecError
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    from tcpexp.registry import Registry
    from tcpexp.store.rundata import RunData

FILE = "checks.json"
CHECKS_SCHEMA = 1


def check_run(run: RunData) -> list[Verdict]:
    """Judge every entry of ``expect:`` in its order, write ``checks.json`` and return the verdicts.

    Entries about other kernels than the run's (``since_kernel``, ``before_kernel``) or another
    version of IP (``ip``) are left out. Checks of plugins are loaded from the plan. An entry that
    cannot be evaluated is INCONCLUSIVE and never stops the others.
    """
    registry = catalogue_for(run.plan).checks
    judged = [
        judge_entry(run, registry, name, given)
        for entry in run.plan.expect
        for name, given in entry.items()
    ]
    verdicts = [
        dataclasses.replace(verdict, number=number)
        for number, verdict in enumerate(judged, start=1)
        if verdict is not None
    ]
    write_checks(run.path, verdicts)
    return verdicts


def left_out_words(run: RunData) -> str:
    """Return which checks were left out, and what each is about; empty where none was.

    ``Left out: check 2 (about Linux before 6.5), check 7 (about IPv6).``
    """
    registry = catalogue_for(run.plan).checks
    entries = [(name, given) for entry in run.plan.expect for name, given in entry.items()]
    judged = {verdict.number for verdict in load_checks(run.path)}
    if not judged or None in judged:  # not judged, or by an old version, which gave no numbers
        return ""
    words = []
    for number, (name, given) in enumerate(entries, start=1):
        if number in judged:
            continue
        check = build_check(registry, name, given)
        about = check.kernels.words if check.kernels_differ(run) else f"IPv{check.ip}"
        words.append(f"check {number} (about {about})")
    return f"Left out: {', '.join(words)}." if words else ""


def build_check(registry: Registry[Any], name: str, given: Any) -> Check:
    """Return the check ``name`` with the parameters ``given``; raises ``SpecError``."""
    import pydantic

    model = registry.get(name)
    try:
        check: Check = model.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"check '{name}'{f', {where}' if where else ''}: {first['msg']}") from None
    return check


def write_checks(run_dir: Path, verdicts: list[Verdict]) -> None:
    """Write ``checks.json``: the verdicts and how many there are of each result."""
    document = {
        "checks_schema": CHECKS_SCHEMA,
        "summary": dict(sorted(Counter(verdict.result for verdict in verdicts).items())),
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
    }
    write_atomic(run_dir / FILE, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def load_checks(run_dir: Path) -> list[Verdict]:
    """Return the verdicts of ``checks.json``, none when there is no such file.

    Raises ``DataError`` when it is damaged.
    """
    path = run_dir / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [_verdict(verdict) for verdict in document["verdicts"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged: {error}", hint="`tcpexp check RUN` writes it again"
        ) from None


def _verdict(raw: dict[str, Any]) -> Verdict:
    evidence = tuple(
        Evidence(
            **{
                **proof,
                "packets": tuple(proof["packets"]),
                "rows": tuple(tuple(row) for row in proof["rows"]),
            }
        )
        for proof in raw["evidence"]
    )
    return Verdict(**{**raw, "evidence": evidence})


def judge_entry(run: RunData, registry: Registry[Any], name: str, given: Any) -> Verdict | None:
    """Return the verdict on one entry, None when it is about another kernel.

    What goes wrong in a check is the reason why it is INCONCLUSIVE.
    """
    try:
        check = build_check(registry, name, given)
    except SpecError as error:
        return _broken(name, given, str(error))
    try:
        return check.judge(run) if check.applies(run) else None
    except DataError:
        raise
    except Exception as error:  # a check of the user's own: anything can go wrong in it
        return _broken(
            name, given, f"the check failed while it was evaluated: {type(error).__name__}: {error}"
        )


def _broken(name: str, given: Any, reason: str) -> Verdict:
    because = given.get("because") if isinstance(given, dict) else None
    return Verdict(name, name, "INCONCLUSIVE", "not measured", "", reason, because)
