"""How long work tells what it is doing: functions that its caller hands over."""

from __future__ import annotations

from collections.abc import Callable

#: Takes a sentence about what is being done.
Say = Callable[[str], None]
#: Takes the phase of a run (``network``, ``probes``, ``setup``, ``run``, ``stop``) and the
#: experiment's time in seconds.
TellPhase = Callable[[str, float], None]


def say_nothing(text: str) -> None:
    """Be the :data:`Say` of a caller who does not listen."""
