"""The fenced blocks of README and docs/, and how each is tried: run, or validated where its marker
says so.

A marker stands in the line before the fence and is not shown on the page:

    <!-- validated: tcpexp run, sudo (they take minutes) -->

names the beginnings of the commands that are looked at but not run; ``all`` stands for the whole
block.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(
    r"(?:<!-- validated: (?P<what>[^(]+?) \((?P<why>[^)]+)\) -->\n)?^(?P<indent>"
    r" *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.M | re.S,
)
_NAME = re.compile(r"# (\S+\.(?:py|yaml|c))\n")


@dataclass(frozen=True)
class Example:
    """One block: where it stands, its text, and what of it is validated instead of run."""

    page: str
    line: int
    language: str
    text: str
    validated: tuple[str, ...] = ()
    why: str = ""

    @property
    def id(self) -> str:
        """Return page and line."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """Return the name that the first line gives the block, ``# name.py``."""
        named = _NAME.match(self.text)
        return named[1] if named else None

    def is_validated(self, command: str) -> bool:
        """Return whether the marker names this command."""
        return any(what == "all" or command.startswith(what) for what in self.validated)


def examples_of(page: Path) -> list[Example]:
    """Return the blocks of a page that say their language."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        what = tuple(word.strip() for word in (match["what"] or "").split(",") if word.strip())
        line = text[: match.start("indent")].count("\n") + 1
        found.append(
            Example(
                page.name,
                line,
                match["language"],
                textwrap.dedent(match["text"]),
                what,
                match["why"] or "",
            )
        )
    return found


def all_examples(*languages: str) -> list[Example]:
    """Return the blocks of all pages in these languages."""
    return [
        example for page in PAGES for example in examples_of(page) if example.language in languages
    ]


def commands(example: Example) -> list[str]:
    """Return the command lines of a shell block, without remarks."""
    lines = (re.split(r"\s+#\s", line)[0].strip() for line in example.text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


#: The commands of these pages are run by test_tutorial.py, and end as they say.
TUTORIAL = frozenset(path.name for path in (ROOT / "docs" / "tutorial").glob("[0-9]*.md"))


def unpack(page: str, folder: Path) -> list[str]:
    """Write the named blocks of a page below ``folder``; return the specs among them."""
    specs = []
    for example in examples_of(next(path for path in PAGES if path.name == page)):
        if example.file is not None:
            path = folder / example.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(example.text)
            if re.search(r"^name:", example.text, re.M) and re.search(
                r"^topology:", example.text, re.M
            ):
                specs.append(example.file)
    return specs
