"""A spec's description in two parts: the setting, and what is asked."""

from __future__ import annotations

import re

from tcpexp.report.questions import sentences

_CODE = re.compile(r"`[^`]*`")
_LISTS_OR_CODE = re.compile(r"^\s*([-*+]|\d+[.)])\s|^\s*```", re.MULTILINE)


def split_description(description: str) -> tuple[str, str]:
    """Return the setting and the question, Markdown both: the last paragraph from the first
    sentence that asks something.

    The question is empty where the last paragraph asks nothing or is a list.
    """
    paragraphs = re.split(r"\n\s*\n", description.strip())
    last = paragraphs[-1]
    if _LISTS_OR_CODE.search(last):
        return description.strip(), ""
    parts = sentences(" ".join(last.split()))
    asks = (index for index, part in enumerate(parts) if "?" in _CODE.sub("", part))
    first = next(asks, len(parts))
    setting = [*paragraphs[:-1], " ".join(parts[:first])]
    return "\n\n".join(part for part in setting if part), " ".join(parts[first:])
