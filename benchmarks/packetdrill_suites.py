"""packetdrill's suites against the TCP in user space: how many scripts agree, by themselves or with
constants of the system that they are written for, and why others do not.

    python benchmarks/packetdrill_suites.py NAME=FOLDER... [--json FILE] [--constants]
    python benchmarks/packetdrill_suites.py --from FILE [--kernel NAME=FILE...] --page PAGE

The first plays every plain script below each folder, in each IP version that it is for, twice: with
``tcpexp.tcp`` as it is, and with the constants of FreeBSD or Linux
(``tcpexp/packetdrill/utcp/systems.py``). ``--constants`` plays those that need them once more for
each constant, without it. The second writes the page; the kernel's results are files that
``packetdrill_kernel.py --json`` has written.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from tcpexp.packetdrill.outcome import VERDICTS, Judged, Unplayable
from tcpexp.packetdrill.plain import why_not_plain
from tcpexp.packetdrill.plays import Play, find_scripts, load_plays
from tcpexp.packetdrill.utcp.player import play
from tcpexp.packetdrill.utcp.systems import CONSTANTS
from tcpexp.packetdrill.variants import IP_VERSIONS, system_of

BY_ITSELF, BY_CONSTANTS, DISAGREES = "agrees", "agrees by constants", "disagrees"
NOT_PLAYED, NOT_PLAIN, NO_SCRIPT = "not played", "not plain", "no script"
VERSION_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6", "ipv4-mapped-ipv6": "IPv4 in an IPv6 socket"}
PAGE = Path("docs/concepts/packetdrill-suites.md")


@dataclass
class Row:
    """One play: ``words`` say what was wrong, or why it was not played."""

    suite: str
    script: str
    version: str
    system: str
    verdict: str
    words: str = ""
    line: int | None = None
    constants: list[str] = field(default_factory=list)
    kernel_too: bool = False


def judged(each: Play, without: Iterable[str] = ()) -> Judged | Unplayable:
    """Play a script without some constants."""
    try:
        return play(each.script, each.version, without=frozenset(without))
    except Unplayable as reason:
        return reason


def agrees(outcome: Judged | Unplayable) -> bool:
    """Return whether a script was played and agrees."""
    return isinstance(outcome, Judged) and outcome.verdict == "agrees"


def row_of(each: tuple[str, Play], constants: bool = False) -> Row:
    """Play a script, and tell what came of it."""
    suite, task = each
    system = system_of(task.script.text)
    name = "/".join(Path(task.script.name).parts[-2:])
    row = Row(suite, name, task.version, system, NOT_PLAIN, why_not_plain(task.script) or "")
    if row.words:
        return row
    outcome = judged(task)
    if isinstance(outcome, Unplayable):
        row.verdict, row.words = NOT_PLAYED, str(outcome)
    elif not agrees(outcome):
        row.verdict, row.words, row.line = DISAGREES, outcome.wrong or "", outcome.line
    elif agrees(judged(task, CONSTANTS[system])):
        row.verdict = BY_ITSELF
    else:
        row.verdict = BY_CONSTANTS
        if constants:
            row.constants = [one for one in CONSTANTS[system] if not agrees(judged(task, [one]))]
    return row


def play_suites(suites: Sequence[tuple[str, Path]], constants: bool, jobs: int) -> list[Row]:
    """Play all scripts below some folders."""
    rows, tasks = [], []
    for name, folder in suites:
        plays, errors = load_plays(find_scripts([folder]))
        tasks += [(name, each) for each in plays]
        for error in errors:
            words = str(error).replace(f"{folder}/", "")
            rows.append(Row(name, words.split(":", maxsplit=1)[0], "", "", NO_SCRIPT, words))
    with Pool(jobs) as pool:
        return rows + pool.map(partial(row_of, constants=constants), tasks, chunksize=4)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table in Markdown; numbers are right."""
    cells = [[str(cell) for cell in row] for row in rows]
    marks = [
        "---:" if all(row[at].isdigit() or not row[at] for row in cells) else "---"
        for at in range(len(head))
    ]
    lines = [head, marks, *cells]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def mark_kernels(rows: Sequence[Row], files: Sequence[tuple[str, Path]]) -> None:
    """Note which plays that disagree here disagree with the kernel as well, by its own results.

    Scripts for another system are left out: the kernel fails them at the first setting that it has
    not.
    """
    for suite, file in files:
        wrong = disagreeing(json.loads(file.read_text()))
        for row in rows:
            if row.suite == suite and row.system == "Linux":
                row.kernel_too = row.verdict == DISAGREES and (row.script, row.version) in wrong


def disagreeing(facts: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the plays that disagree with the kernel: script and IP version."""
    return {
        (other["script"], other["ip"])
        for other in facts["others"]
        if other["verdict"] == "disagrees"
    }


def counts(rows: Sequence[Row]) -> list[str]:
    """Return the table of all suites: a line for each suite and IP version."""
    verdicts = (BY_ITSELF, BY_CONSTANTS, DISAGREES, NOT_PLAYED)
    lines: list[list[object]] = []
    for suite in dict.fromkeys(row.suite for row in rows):
        for version in ("", *IP_VERSIONS):
            of = [row for row in rows if row.suite == suite and row.version == version]
            if not of:
                continue
            found = Counter(row.verdict for row in of)
            plain = sum(found[verdict] for verdict in verdicts)
            played = plain - found[NOT_PLAYED]
            name = VERSION_NAMES.get(version, "no script")
            too = sum(row.kernel_too for row in of)
            figures = [plain, played, *(found[verdict] for verdict in verdicts[:3]), too]
            lines.append([suite, name, len(of), *figures])
    head = ("suite", "over", "scripts", "plain", "played", "agree", "by constants", "disagree")
    head += ("with the kernel too",)
    return table(head, lines)


def shares(rows: Sequence[Row]) -> list[str]:
    """Return, for each suite and all of them, how many of the plain are played, and agree."""
    lines: list[list[object]] = []
    for suite in (*dict.fromkeys(row.suite for row in rows), "all"):
        found = Counter(row.verdict for row in rows if suite in (row.suite, "all"))
        good = found[BY_ITSELF] + found[BY_CONSTANTS]
        played = good + found[DISAGREES]
        plain = played + found[NOT_PLAYED]
        too = sum(row.kernel_too for row in rows if suite in (row.suite, "all"))
        shown = [
            f"{100 * part / max(whole, 1):.1f} %"
            for part, whole in ((played, plain), (good, played), (good + too, played))
        ]
        lines.append([suite, *shown])
    head = ("suite", "played of the plain", "agree of the played", "agree, or not with the kernel")
    return table(head, lines)


def reasons(rows: Sequence[Row], verdict: str) -> list[str]:
    """Return why scripts have a verdict: how many of each suite, the most frequent first."""
    suites = list(dict.fromkeys(row.suite for row in rows))
    of = {(row.suite, row.script): row.words for row in rows if row.verdict == verdict}
    whole = Counter(of.values())
    each = Counter((suite, words) for (suite, _), words in of.items())
    lines = [[words, *(each[suite, words] for suite in suites)] for words, _ in whole.most_common()]
    return table(("scripts", *suites), lines)


def disagreements(rows: Sequence[Row]) -> list[str]:
    """Return each script that disagrees, once for all IP versions with the same words."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        if row.verdict == DISAGREES:
            kernel = "disagrees" if row.kernel_too else ""
            key = (f"{row.suite}: {row.script}", str(row.line), short(row.words), kernel)
            found.setdefault(key, []).append(row.version)
    lines = [
        (f"`{script}:{line}`", words, ", ".join(dict.fromkeys(versions)), kernel)
        for (script, line, words, kernel), versions in found.items()
    ]
    return table(("script and line", "what is wrong", "over", "the kernel"), lines)


def short(words: str) -> str:
    """Return an error without packetdrill's hexadecimal repetition, fit for a table."""
    words = re.sub(r" \(0x[0-9a-f]+\)", "", words).replace("|", "\\|").replace("\n", " ")
    return words.removeprefix("live packet field ")


def needed(rows: Sequence[Row]) -> list[str]:
    """Return which constants decide, and for how many plays each."""
    lines = []
    for system, settings in CONSTANTS.items():
        found = Counter(one for row in rows if row.system == system for one in row.constants)
        lines += [(system, f"`{one}`", settings[one], count) for one, count in found.most_common()]
    return table(("system", "constant", "value", "plays that need it"), lines)


def kernels(rows: Sequence[Row], files: Sequence[tuple[str, Path]]) -> list[str]:
    """Return the kernel's table, and what disagrees with it, by what is wrong.

    The plain plays are those of ``rows``, if the suite is among them and is for Linux.
    """
    lines, parts = [], []
    for name, file in files:
        facts = json.loads(file.read_text())
        found, kernel = facts["counts"], facts["kernel"]
        figures = [found.get(verdict, 0) for verdict in VERDICTS]
        plain = {
            (row.script, row.version)
            for row in rows
            if row.suite == name and row.system == "Linux" and row.verdict != NOT_PLAIN
        }
        wrong = disagreeing(facts)
        of_plain = [len(plain), len(plain & wrong)] if plain else ["", ""]
        lines.append([name, kernel, facts["scripts"], facts["plays"], *figures, *of_plain])
        others = [row for row in facts["others"] if row["verdict"] != "agrees"]
        kinds = Counter((row["verdict"], kind_of(row["words"])) for row in others)
        parts.append(f"{name}, by what is wrong:\n")
        parts += table(
            ("verdict", "what", "plays"), [(*key, n) for key, n in kinds.most_common(16)]
        )
    head = ("suite", "kernel", "scripts", "plays", "agree", "disagree", "broken", "not played")
    return table((*head, "plain", "of these disagree"), lines) + parts


def kind_of(words: str) -> str:
    """Return which kind of error this is: its words without what differs from script to script."""
    if words.startswith("Traceback"):
        return "the player failed"
    words = re.sub(r"^line \d+: ", "", short(words)).split(": expected:")[0].split(": tcpi_")[0]
    words = re.sub(r"at -?[\d.]+ sec but.*|in relative time range.*", "at another time", words)
    words = re.sub(r"(Expected (?:non-negative )?result).*", r"\1 another", words)
    return re.sub(r"(bad (?:value in )?outbound TCP options?(?: \w+)?).*", r"\1", words)


def facts_of(rows: Sequence[Row], kernel: Sequence[tuple[str, Path]]) -> dict[str, list[str]]:
    """Return the parts of the page that are computed, by the word that stands for them."""
    return {
        "counts": counts(rows),
        "shares": shares(rows),
        "not plain": reasons(rows, NOT_PLAIN),
        "not played": reasons(rows, NOT_PLAYED),
        "no script": reasons(rows, NO_SCRIPT),
        "constants": needed(rows),
        "disagree": disagreements(rows),
        "kernel": kernels(rows, kernel),
    }


def write_page(page: Path, facts: dict[str, list[str]]) -> None:
    """Put what is computed between its marks in the page: ``<!-- WORD -->`` to ``<!-- end -->``."""
    text = page.read_text()
    for word, lines in facts.items():
        start, end = f"<!-- {word} -->", "<!-- end -->"
        if start in text:
            at = text.index(start) + len(start)
            text = text[:at] + "\n" + "\n".join(lines) + text[text.index(end, at) :]
    page.write_text(text)


def pair(text: str) -> tuple[str, Path]:
    """Read NAME=PATH."""
    name, _, path = text.partition("=")
    return name, Path(path)


def main() -> None:
    """Play, or write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", type=pair, metavar="NAME=FOLDER")
    parser.add_argument("--constants", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--kernel", action="append", default=[], type=pair, metavar="NAME=FILE")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    if given.source is not None:
        loaded: list[dict[str, Any]] = json.loads(given.source.read_text())
        rows = [Row(**row) for row in loaded]
    else:
        rows = play_suites(given.suites, given.constants, given.jobs)
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=0) + "\n")
    mark_kernels(rows, given.kernel)
    facts = facts_of(rows, given.kernel)
    if given.page is not None:
        write_page(given.page, facts)
    else:
        print("\n".join(line for lines in facts.values() for line in lines))


if __name__ == "__main__":
    main()
