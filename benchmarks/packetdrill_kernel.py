"""packetdrill's scripts against the kernel in the guest: how many agree, and are they the same each
time?

    python benchmarks/packetdrill_kernel.py FOLDER [--kernel NAME] [--times N] [--json FILE]

Every script of the folder is played in each IP version that it is for, all of them in one boot, N
times. Printed are the counts, each line that disagrees, what is not played and why, and how many
scripts differ from the first time: in their verdict, their packets, the results of their calls; and
how far apart their times are. The kernel's own scripts are in tools/testing/selftests/net/
packetdrill of its source; none come with tcpexp.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tcpexp.errors import TcpexpError
from tcpexp.packetdrill.kernel.guest import Guest
from tcpexp.packetdrill.kernel.player import Task, play_scripts
from tcpexp.packetdrill.kernel.ways import ways_of
from tcpexp.packetdrill.outcome import Judged, Unplayable, counted_words
from tcpexp.packetdrill.parser import load_script

Outcome = Judged | Unplayable


def tasks_of(folder: Path) -> tuple[list[Task], list[str]]:
    """Return the scripts below a folder, each in its IP versions, and what cannot be read."""
    tasks: list[Task] = []
    unread = []
    for path in sorted(folder.rglob("*.pkt")):
        try:
            for way in ways_of(load_script(path)):
                tasks.append((load_script(path, ip_version=way.name), way.name))
        except TcpexpError as error:
            unread.append(f"{path.name}: {error}")
    return tasks, unread


def essence(outcome: Outcome) -> Any:
    """Return what must be equal whenever a script is played: all but the times."""
    if isinstance(outcome, Unplayable):
        return str(outcome)
    happened = [(each.seen, each.result, each.wrong) for each in outcome.happened]
    besides = [packet for _, packet in outcome.besides]
    return outcome.verdict, outcome.line, outcome.wrong, happened, besides


def apart_ns(first: Outcome, again: Outcome) -> int:
    """Return how far the times of two plays of a script are apart at most."""
    if isinstance(first, Unplayable) or isinstance(again, Unplayable):
        return 0
    pairs = zip(first.happened, again.happened, strict=False)
    return max((abs((one.at_ns or 0) - (other.at_ns or 0)) for one, other in pairs), default=0)


def counted(outcomes: Sequence[Outcome]) -> Counter[str]:
    """Return how many scripts agree, disagree, are broken or not played."""
    return Counter(
        outcome.verdict if isinstance(outcome, Judged) else "not played" for outcome in outcomes
    )


def report(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Print what does not agree; return it."""
    rows = []
    for (script, version), outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Judged) and outcome.verdict == "agrees":
            continue
        line = outcome.line if isinstance(outcome, Judged) else None
        words = (outcome.wrong if isinstance(outcome, Judged) else str(outcome)) or ""
        verdict = outcome.verdict if isinstance(outcome, Judged) else "not played"
        name = "/".join(Path(script.name).parts[-2:])
        rows.append(
            {"script": name, "ip": version, "line": line, "verdict": verdict, "words": words}
        )
        print(f"{verdict:10} {name}:{line or '-'} {version}: {words}")
    return rows


def main() -> None:
    """Play, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kernel", help="a kernel's name; default: the one in use")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    tasks, unread = tasks_of(given.folder)
    for words in unread:
        print(f"not read   {words}")
    guest = Guest.prepare(given.kernel, print)
    runs: list[list[Outcome]] = []
    walls, differing, apart = [], [], 0
    for number in range(given.times):
        begun = time.monotonic()
        outcomes = play_scripts(tasks, guest)
        walls.append(time.monotonic() - begun)
        runs.append(outcomes)
        pairs = list(zip(runs[0], outcomes, strict=True))
        differing.append(sum(essence(one) != essence(other) for one, other in pairs))
        apart = max(apart, *(apart_ns(one, other) for one, other in pairs))
        words = counted_words(counted(outcomes))
        print(f"{number + 1:3}: {walls[-1]:6.1f} s; {words}; {differing[-1]} unlike the first")
    rows = report(tasks, runs[0])
    scripts = len({script.name for script, _ in tasks})
    print(f"{guest.kernel}: {scripts} scripts, {len(tasks)} plays; times at most {apart} ns apart")
    if given.json:
        facts = {
            "kernel": guest.kernel,
            "scripts": scripts,
            "plays": len(tasks),
            "unread": unread,
            "times": given.times,
            "counts": dict(counted(runs[0])),
            "unlike_the_first": differing,
            "apart_ns": apart,
            "wall_s": [round(wall, 1) for wall in walls],
            "others": rows,
        }
        given.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
