"""The questions of a spec's explanation ("Try next"), one by one, so that a hand-in can leave room
for an answer under each.
"""

from __future__ import annotations

import re

_TRY_NEXT = re.compile(r"^\s*\*\*Try next\.?\*\*\s*")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_END = re.compile(r"[.?!](?=\s+[A-Z`(\"])")


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
        if "?" in re.sub(r"`[^`]*`", "", sentence):
            groups.append(" ".join(waiting))
            waiting = []
    return [*groups, *waiting]
