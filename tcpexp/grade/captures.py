"""Captures that students hand in: which exercise they are of, and what its checks say of them.

They were recorded on machines of the students' own, so hosts are found by the ports of the
exercise's flows, or told by a file ``hosts.txt`` beside the captures, a line ``h1=192.0.2.1`` for
each host.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.checks.base import Verdict
from tcpexp.errors import SpecError
from tcpexp.plan.types import RunPlan, from_json

if TYPE_CHECKING:
    from tcpexp.grade.rubric import Criteria

#: How files of captures end, also compressed.
ENDINGS = (".pcap", ".pcapng", ".cap", ".dmp", ".snoop")
_COMPRESSED = (".gz", ".bz2", ".xz")
HOSTS = "hosts.txt"
_MOST_HOSTS_BYTES = 10_000


def is_capture(path: Path) -> bool:
    """Return whether a file is called as captures are."""
    name = path.name.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return name.endswith(ENDINGS)


def by_exercise(
    captures: Iterable[Path], exercises: Iterable[str]
) -> tuple[dict[tuple[str, Path], list[Path]], list[Path]]:
    """Return the captures of each exercise, by its name and their folder, and those of none.

    A capture is of the exercise whose name its own begins with, or that of a folder above it; of a
    rubric's only exercise in any case. Captures in one folder are of one measurement: of both ends,
    perhaps.
    """
    names = sorted(exercises, key=lambda name: -len(name))
    found: dict[tuple[str, Path], list[Path]] = {}
    unknown = []
    for path in captures:
        parts = [path.name, *reversed(path.parts[:-1])]
        fitting = [name for part in parts for name in names if _begins(part, name)]
        if not fitting and len(names) == 1:
            fitting = names
        if fitting:
            found.setdefault((fitting[0], path.parent), []).append(path)
        else:
            unknown.append(path)
    return found, unknown


def _begins(part: str, name: str) -> bool:
    """Return whether a file's or folder's name is an exercise's, perhaps with more behind it."""
    rest = part.removeprefix(name)
    return part.startswith(name) and (not rest or not (rest[0].isalnum() or rest[0] == "_"))


def judge_captures_of(
    files: list[Path], exercise: str, criteria: Criteria, folder: Path
) -> list[Verdict | None]:
    """Explain captures in the new ``folder`` and return a verdict for each check of the exercise,
    None where one is about another version of IP.

    Raises ``SpecError`` where the captures do not show who is who, ``DataError`` for what is no
    capture.
    """
    from tcpexp.catalogue import load_catalogue
    from tcpexp.explain.explain import Asked, explain_captures
    from tcpexp.explain.judging import judge_captures

    text = criteria.plans.get(exercise)
    if text is None:
        raise SpecError(
            f"captures can be judged only where the rubric names the spec of '{exercise}'"
        )
    plan = from_json(text, RunPlan)
    expect = tuple({name: parameters} for name, parameters in criteria.checks[exercise])
    asked = Asked(dataclasses.replace(plan, expect=expect, plugins=()), read_hosts(files[0].parent))
    explained = explain_captures(files, folder.parent, folder, asked=asked)
    catalogue = load_catalogue()
    for name, source in criteria.plugins.items():
        catalogue.load_plugin_text(name, source)
    verdicts = judge_captures(explained.run, catalogue.checks)
    by_number = {verdict.number: verdict for verdict in verdicts}
    return [by_number.get(number) for number in range(1, len(expect) + 1)]


def read_hosts(folder: Path) -> Mapping[str, str]:
    """Return which host has which address, as ``hosts.txt`` says; none without it.

    Raises ``SpecError`` for a line that says something else.
    """
    path = folder / HOSTS
    if not path.is_file() or path.is_symlink():
        return {}
    hosts = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = file.read(_MOST_HOSTS_BYTES).splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        name, given, address = (part.strip() for part in words.partition("="))
        if not (name and given and address):
            raise SpecError(f"{HOSTS}, line {number}: write NAME=ADDRESS, such as h1=192.0.2.1")
        hosts[name] = address
    return hosts
