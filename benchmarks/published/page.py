"""The facts as tables of docs/concepts/literature.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from published.data import Fact
from published.judging import verdict
from published.reading import Measured

#: In the words of ``literature.json``: a kernel's short name, a fact's name, what was measured.
Kept = Mapping[str, Mapping[str, Any]]


def tables_of(facts: Sequence[Fact], kept: Kept, kernels: Sequence[str]) -> str:
    """Return a table for each group of facts, and below it what has to be said of some of them."""
    groups = list(dict.fromkeys(fact.group for fact in facts))
    parts = [
        _table(group, [fact for fact in facts if fact.group == group], kept, kernels, before)
        for group, before in zip(groups, _counts(facts, groups), strict=True)
    ]
    return f"{summary(facts, kept, kernels)}\n\n" + "\n".join(parts)


def _counts(facts: Sequence[Fact], groups: Sequence[str]) -> list[int]:
    """Return how many facts stand before each group."""
    return [
        sum(groups.index(fact.group) < number for fact in facts) for number in range(len(groups))
    ]


def summary(facts: Sequence[Fact], kept: Kept, kernels: Sequence[str]) -> str:
    """Return how many facts come out, on each kernel."""
    lines = []
    for kernel in kernels:
        found = [verdict_of(fact, kept, kernel) for fact in facts]
        counts = {word: found.count(word) for word in ("yes", "no", "open", "not measured")}
        lines.append(
            f"Linux {kernel}: "
            + ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        )
    return f"{len(facts)} facts. {'; '.join(lines)}."


def verdict_of(fact: Fact, kept: Kept, kernel: str) -> str:
    """Return a fact's verdict on a kernel, computed from what is kept."""
    found = kept.get(kernel, {}).get(fact.name)
    return "not measured" if found is None else verdict(fact, measured_of(found))


def measured_of(found: Mapping[str, Any]) -> Measured:
    """Return what ``literature.json`` keeps of a fact."""
    return Measured(found["value"], found["low"], found["high"], found["count"], found["kind"])


def _table(
    group: str, facts: Sequence[Fact], kept: Kept, kernels: Sequence[str], before: int
) -> str:
    head = ["", "what", "published", *(f"Linux {kernel}" for kernel in kernels), "so?"]
    head += ["counts as the same", "source", "command"]
    lines = [f"### {group}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for number, fact in enumerate(facts, start=before + 1):
        cells = [str(number), fact.says, fact.published]
        cells += [_cell(fact, kept, kernel) for kernel in kernels]
        cells += [_so(fact, kept, kernels), _allowed(fact), _source(fact), f"`{fact.command}`"]
        lines.append(f"| {' | '.join(_safe(cell) for cell in cells)} |")
    notes = [
        f"- *{number}*: {' '.join(fact.note.split())}"
        for number, fact in enumerate(facts, start=before + 1)
        if fact.note
    ]
    return "\n".join([*lines, *(["", *_wrapped(notes)] if notes else []), ""])


def _wrapped(notes: Sequence[str]) -> list[str]:
    import textwrap

    return [
        line
        for note in notes
        for line in textwrap.wrap(
            note, 119, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
    ]


def _source(fact: Fact) -> str:
    return fact.source if fact.read in ("", "RFC") else f"{fact.source} ({fact.read})"


def _allowed(fact: Fact) -> str:
    low, high = fact.allowed
    unit = f" {fact.unit}" if fact.unit else ""
    if low is None:
        words = f"up to {_short(high)}{unit}"
    elif high is None:
        words = f"from {_short(low)}{unit}"
    elif low == high:
        words = f"{_short(low)}{unit}"
    else:
        words = f"{_short(low)} to {_short(high)}{unit}"
    return f"{words}: {fact.because}"


def _short(value: float | None) -> str:
    return f"{value:g}" if value is None or abs(value) < 1e5 else f"{value:.0f}"


def _cell(fact: Fact, kept: Kept, kernel: str) -> str:
    found = kept.get(kernel, {}).get(fact.name)
    if found is None:
        return "-"
    measured = measured_of(found)
    unit = f" {fact.unit}" if fact.unit else ""
    text = f"{_number(measured.value, fact)}{unit}"
    least, most = _number(measured.low, fact), _number(measured.high, fact)
    if measured.count == 1:
        return text
    seen = f"{measured.count} {'runs' if measured.kind == 'mean' else 'times'}"
    return f"{text} ({seen})" if least == most else f"{text} ({least} to {most}, {seen})"


def _number(value: float, fact: Fact) -> str:
    text = f"{value:.{fact.digits}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def _so(fact: Fact, kept: Kept, kernels: Sequence[str]) -> str:
    found = [verdict_of(fact, kept, kernel) for kernel in kernels]
    measured = [word for word in found if word != "not measured"]
    if not measured:
        return "not measured"
    if len(set(measured)) == 1:
        return measured[0]
    return ", ".join(f"{kernel}: {word}" for kernel, word in zip(kernels, found, strict=True))


def _safe(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
