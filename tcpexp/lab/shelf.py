"""The specs that a laboratory offers: those that come with tcpexp, by chapter, and the user's own.

A spec is named by a word of this module (``bbr_vs_cubic``, ``own/lab1/first.yaml``), never by a
path that a browser could choose.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import paths
from tcpexp.catalogue.cards import Card, load_card
from tcpexp.errors import TcpexpError
from tcpexp.lab.errors import Refused
from tcpexp.library.chapters import CHAPTERS, specs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A folder with more specs than this is no folder of specs.
MOST_OWN = 500
OWN_CHAPTER = "Your own"


@dataclass(frozen=True)
class Entry:
    """A spec on the shelf: its name here, its file, and the chapter it stands in."""

    name: str
    path: Path
    chapter: str
    #: Whether it came with tcpexp, as it was shipped.
    shipped: bool


class Shelf:
    """All specs that are offered; cards are read once, and again when a file changes."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)
        self._cards: dict[Path, tuple[int, Card]] = {}
        self._reading = threading.Lock()

    def entries(self) -> list[Entry]:
        """Return all specs: the user's own first, then chapter by chapter."""
        shipped = [
            Entry(path.stem, path, chapter.title, True)
            for chapter in CHAPTERS
            for path in specs_of(chapter)
        ]
        return [*self._own(), *shipped]

    def _own(self) -> list[Entry]:
        found = []
        for number, folder in enumerate(self.folders):
            files = [folder] if folder.is_file() else sorted(folder.rglob("*.yaml"))[:MOST_OWN]
            base = folder.parent if folder.is_file() else folder
            found += [
                Entry(f"own{number or ''}/{path.relative_to(base)}", path, OWN_CHAPTER, False)
                for path in files
                if is_inside(path, base) and paths.is_experiment(path)
            ]
        return found

    def find(self, name: str) -> Entry:
        """Return a spec by its name here; raises ``Refused``."""
        shipped = paths.shipped_spec(name) if _is_word(name) else None
        if shipped is not None and shipped.parent != paths.studies_dir():
            return Entry(name, shipped, "", True)
        for entry in self._own():
            if entry.name == name:
                return entry
        raise Refused(404, "there is no such experiment here")

    def card(self, entry: Entry) -> Card | None:
        """Return what a spec is about; None where it cannot be read."""
        from tcpexp.catalogue import load_catalogue

        with self._reading:
            try:
                changed = entry.path.stat().st_mtime_ns
                known = self._cards.get(entry.path)
                if known is None or known[0] != changed:
                    # what others wrote is not run to be listed
                    catalogue = load_catalogue(runs_code=entry.shipped)
                    known = (changed, load_card(entry.path, catalogue))
                    self._cards[entry.path] = known
            except (TcpexpError, OSError):
                return None
        return known[1]

    def rows(self) -> list[dict[str, Any]]:
        """Return every spec as the page lists it: ``name``, ``title``, ``question``, ``chapter``.

        Titles and questions are read from the text, for models take a second for all of them.
        """
        return [_row(entry) for entry in self.entries()]

    def search(self, question: str) -> list[dict[str, Any]]:
        """Return the specs that fit a question, the best first, each with the line that fits."""
        from tcpexp.catalogue.search import find_cards

        names = {}
        cards = []
        for entry in self.entries():
            card = self.card(entry)
            if card is not None:
                names[card.path] = entry
                cards.append(card)
        return [
            {**_row(names[hit.card.path]), "line": hit.line, "words": list(hit.words)}
            for hit in find_cards(question, cards)
        ]


def chapter_rows() -> list[dict[str, str]]:
    """Return the chapters in the order in which they are read."""
    return [{"title": chapter.title, "about": chapter.about} for chapter in CHAPTERS]


def _row(entry: Entry) -> dict[str, Any]:
    name, title, question = _head(str(entry.path), entry.path.stat().st_mtime_ns)
    return {
        "name": entry.name,
        "experiment": name,
        "title": title or entry.name,
        "question": question,
        "chapter": entry.chapter,
        "shipped": entry.shipped,
    }


def _head(path: str, changed: int) -> tuple[str, str, str]:
    """Return a spec's name, title and description (in one line), from its plain values."""
    known = _heads.get(path)
    if known is None or known[0] != changed:
        from tcpexp.spec.source import load_source

        try:
            raw = load_source(Path(path)).raw
        except TcpexpError:
            raw = None
        texts = raw if isinstance(raw, dict) else {}
        name, title, about = (str(texts.get(key) or "") for key in ("name", "title", "description"))
        words = (name or Path(path).stem, title, " ".join(about.split()))
        known = _heads[path] = (changed, words)
    return known[1]


_heads: dict[str, tuple[int, tuple[str, str, str]]] = {}


def _is_word(name: str) -> bool:
    return name.replace("_", "").replace("-", "").isalnum() and name.isascii()


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path lies in a folder, links followed."""
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
    except (OSError, RuntimeError, ValueError):
        return False
