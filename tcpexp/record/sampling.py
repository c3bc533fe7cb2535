"""What a recorder's sampler is given and returns: it runs where the experiment runs.

A sampler is a function ``open_sample(sampled)`` that opens what it looks at and returns another,
``take()``, which is called at each tick and returns what was seen: a row, several rows, or None
when it failed. The engine writes each row as a line of ``raw/<recorder>.jsonl``, with ``t_ns``, and
``node`` where the recorder has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: The name of the function in a sampler's file.
OPEN_SAMPLE = "open_sample"
#: The folder of the plan's files that holds the samplers of others' recorders, one file per kind.
SAMPLERS = "samplers"

Row = Mapping[str, Any]
Take = Callable[[], "Row | Sequence[Row] | None"]


@dataclass(frozen=True)
class Sampled:
    """What is sampled: the node and a process in its namespaces, None for the whole machine.

    ``options`` are those of the plan's recorder. The sampler is opened in the node's network
    namespace, so a socket that it opens then belongs there. It is called outside of it: the
    node's files are below ``/proc/<pid>/``.
    """

    node: str | None
    pid: int | None
    options: Mapping[str, Any] = field(default_factory=dict)


OpenSample = Callable[[Sampled], Take]


def sampler_path(kind: str) -> str:
    """Return where the sampler of a recorder that does not ship lies among the plan's files."""
    return f"{SAMPLERS}/{kind}.py"


def raw_name(kind: str) -> str:
    """Return the name below ``raw/`` of what a sampled recorder wrote."""
    return f"{kind}.jsonl"
