"""Text files made of blocks, each behind a line ``# t_ns=<n>``."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEAD = re.compile(r"^# t_ns=(-?\d+)[^\n]*\n?", re.M)


def split_blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield (t_ns, text below it) of each block. Text before the first block is ignored."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        yield int(head[1]), text[head.end() : end]
