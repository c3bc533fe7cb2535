"""Make every generated page of docs/: ``python -m tools.docs``, in the checkout's folder.

python -m tools.docs                    write the pages
python -m tools.docs --check            write nothing; end with 1 and their names when some differ
python -m tools.docs --runs runs.json   take run times and pictures of experiments first, from
                                        what `tcpexp run experiments/ --figures --json` printed
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from tools.docs import (
    actions,
    api,
    checks,
    commands,
    congestion,
    disciplines,
    display_filter,
    experiments,
    tables,
    tcp_musts,
)
from tools.docs.experimentruns import DOCS, take_runs
from tools.docs.prose import wrap

#: Each generated page, by its place below docs/, and what makes it.
PAGES: dict[str, Callable[[], str]] = {
    "reference/actions.md": actions.page,
    "reference/api.md": api.page,
    "reference/checks.md": checks.page,
    "reference/commands.md": commands.page,
    "reference/congestion.md": congestion.page,
    "reference/data.md": tables.page,
    "reference/disciplines.md": disciplines.page,
    "reference/display-filter.md": display_filter.page,
    "reference/experiments.md": experiments.page,
    "reference/tcp_musts.md": tcp_musts.page,
}
#: Texts of the code name a page by its path; on a page of reference/ that is a link.
_NAMED = re.compile(r"(?<![`/\w\[(])docs/(\w+)/([\w-]+)\.md")
_FENCED = re.compile(r"(^```.*?^```$)", re.M | re.S)


def made(name: str) -> str:
    """Return a page as it should be."""
    return wrap(link_pages(PAGES[name]()))


def link_pages(text: str) -> str:
    """Return a page of reference/ with a link wherever its prose names another page."""
    parts = _FENCED.split(text)
    return "".join(
        part if part.startswith("```") else _NAMED.sub(r"[\2](../\1/\2.md)", part) for part in parts
    )


def outdated() -> list[str]:
    """Return the pages that are not as they should be."""
    return [name for name in PAGES if (DOCS / name).read_text(encoding="utf-8") != made(name)]


def main(words: list[str] | None = None) -> int:
    """Write or check the pages; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description="Make docs/'s pages.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("--runs", type=Path, help="what `run --figures --json` printed")
    options = parser.parse_args(words)
    if options.runs:
        take_runs(json.loads(options.runs.read_text(encoding="utf-8")), DOCS)
    names = outdated()
    for name in names:
        print(f"docs/{name} {'differs: run python -m tools.docs' if options.check else 'written'}")
        if not options.check:
            (DOCS / name).write_text(made(name), encoding="utf-8")
    return 1 if names and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
