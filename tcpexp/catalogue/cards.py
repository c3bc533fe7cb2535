"""What one experiment or study that comes with tcpexp is about, in words: for ``list --search`` and
for docs/reference/experiments.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import paths
from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import TcpexpError
from tcpexp.spec.quotes import without_run

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue
    from tcpexp.spec.model import ExperimentSpec


@dataclass(frozen=True)
class CheckWords:
    """A check in words: what is looked at, what must be seen, and why."""

    title: str
    asked: str
    because: str

    def __str__(self) -> str:
        title = self.title.removesuffix(" in the whole run")
        return f"{title}: {self.asked}" if self.asked else title


@dataclass(frozen=True)
class Card:
    """One experiment in words.

    ``duration_s`` is the experiment's own time in seconds, ``actions`` are what the spec does, by
    name.
    """

    name: str
    path: Path
    title: str
    description: str
    explain: str
    references: tuple[str, ...]
    topology: str
    actions: tuple[str, ...]
    duration_s: float
    checks: tuple[CheckWords, ...]

    @property
    def command(self) -> str:
        """What runs it: a study has a quick form."""
        return (
            f"tcpexp sweep {self.name} --quick"
            if self.path.parent == paths.studies_dir()
            else f"tcpexp run {self.name}"
        )

    def fields(self) -> dict[str, str]:
        """Return all words by where they stand: ``name``, ``title``, ``description``, ``checks``,
        ``references``, ``actions``, ``explain``.
        """
        return {
            "name": self.name.replace("_", " "),
            "title": self.title,
            "description": self.description,
            "checks": "\n".join(f"{check} {check.because}" for check in self.checks),
            "references": "\n".join(self.references),
            "actions": "\n".join(self.actions),
            "explain": self.explain,
        }


def load_cards(*, strict: bool = False, studies: bool = False) -> list[Card]:
    """Return a card of every shipped experiment, by name, then of every study if asked for.

    One that cannot be read is left out, or raises ``SpecErrors`` when ``strict``.
    """
    cards = []
    for path in (*paths.shipped_specs(), *(paths.shipped_studies() if studies else ())):
        try:
            cards.append(load_card(path, load_catalogue()))
        except TcpexpError:
            if strict:
                raise
    return cards


def load_card(path: Path, catalogue: Catalogue) -> Card:
    """Return the card of the spec in ``path``; raises ``SpecErrors``."""
    spec = load_spec(path, catalogue)
    return Card(
        name=spec.name,
        path=path,
        title=spec.title or spec.name,
        description=" ".join(spec.description.split()),
        explain=without_run(spec.explain.strip()),
        references=spec.references,
        topology=topology_words(spec),
        actions=tuple(action_words(raw) for raw in spec.raw_at("actions") or ()),
        duration_s=spec.duration / 1e9,
        checks=tuple(
            CheckWords(entry.model.title(), entry.model.asked(), entry.model.because or "")
            for entry in spec.checks
        ),
    )


def topology_words(spec: ExperimentSpec) -> str:
    """Return the topology's name with its parameters, and what the spec says of its links:
    ``two_host; h1-h2: rate 10mbit, delay 20ms``.
    """
    parts = [
        spec.topology.name + (f" ({_pairs(spec.topology.params)})" if spec.topology.params else "")
    ]
    parts += [
        f"{name}: {_pairs(given)}" for name, given in (spec.raw_at("links") or {}).items() if given
    ]
    return "; ".join(parts)


def action_words(raw: dict[str, Any]) -> str:
    """Return an action's name and what it is told in words: ``http_get curl``."""
    words = [str(raw.get("label") or "")] + [
        str(raw[key]) for key in ("tool", "congestion_control", "text") if key in raw
    ]
    return " ".join([str(raw["do"]), *filter(None, words)])


def _pairs(given: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in given.items())


def _value(value: Any) -> str:
    return f"({_pairs(value)})" if isinstance(value, dict) else str(value)
