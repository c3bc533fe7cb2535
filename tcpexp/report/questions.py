"""What a reader is asked: a spec's ``questions:``, or what its description and the "Try next" of
its explanation ask, so that a page and a hand-in can leave room for an answer under each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan

_TRY_NEXT = re.compile(r"^\s*\*\*Try next\.?\*\*\s*")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_END = re.compile(r"[.?!](?=\s+[A-Z`(\"])")


ANY = "The answer to the question of this experiment, in your own words:"
_CODE = re.compile(r"`[^`]*`")
_LISTS_OR_CODE = re.compile(r"^\s*([-*+]|\d+[.)])\s|^\s*```", re.MULTILINE)
#: A sentence that asks something about the one before it.
_LEANING = re.compile(r"(And|Or|Then|But)\b|Is it\b")


def questions_of(plan: RunPlan) -> list[str]:
    """Return what a student is asked, Markdown: the spec's questions, or else the description's and
    those sentences of "Try next" that ask something by themselves. Never empty.

    What stands around a question in an explanation may answer it, and is left out.
    """
    if plan.questions:
        return list(plan.questions)
    _, asked = split_description(plan.description)
    more = [
        sentence
        for text in split_explanation(plan.explain)[1]
        for sentence in sentences(text)
        if _asks(sentence) and not _LEANING.match(sentence)
    ]
    return [asked or ANY, *more]


def split_description(description: str) -> tuple[str, str]:
    """Return the setting and the question, Markdown both: the last paragraph from the first
    sentence that asks something.

    The question is empty where the last paragraph asks nothing or is a list.
    """
    paragraphs = _PARAGRAPHS.split(description.strip())
    last = paragraphs[-1]
    if _LISTS_OR_CODE.search(last):
        return description.strip(), ""
    parts = sentences(" ".join(last.split()))
    first = next((index for index, part in enumerate(parts) if _asks(part)), len(parts))
    setting = [*paragraphs[:-1], " ".join(parts[:first])]
    return "\n\n".join(part for part in setting if part), " ".join(parts[first:])


def _asks(sentence: str) -> bool:
    return "?" in _CODE.sub("", sentence)


def split_explanation(explain: str) -> tuple[str, list[str]]:
    """Return the explanation without its "Try next", and what that asks, one text per question or
    proposal.

    Sentences are joined until one asks something (``?``), as in "Do this. What happens?"; a
    sentence that names what to change and asks nothing stands for itself when another one that asks
    follows no more.
    """
    kept, asked = [], []
    for paragraph in _PARAGRAPHS.split(explain.strip()):
        found = _TRY_NEXT.match(paragraph)
        if found:
            asked += _grouped(sentences(" ".join(paragraph[found.end() :].split())))
        else:
            kept.append(paragraph)
    return "\n\n".join(kept), asked


def sentences(text: str) -> list[str]:
    """Split ``text`` at ends of sentences that lie outside of `code`."""
    inside = [match.span() for match in re.finditer(r"`[^`]*`", text)]
    ends = [
        match.end()
        for match in _END.finditer(text)
        if not any(start < match.start() < end for start, end in inside)
    ]
    parts = [
        text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True)
    ]
    return [part for part in parts if part]


def _grouped(sentences: list[str]) -> list[str]:
    groups: list[str] = []
    waiting: list[str] = []
    for sentence in sentences:
        waiting.append(sentence)
        if _asks(sentence):
            groups.append(" ".join(waiting))
            waiting = []
    return [*groups, *waiting]
