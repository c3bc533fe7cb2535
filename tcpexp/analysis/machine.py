"""What of the machine could have come into a run, as the certificate says it: its clock, set in the
middle, and its settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.analysis.items import Item
from tcpexp.store.rundata import RunData

CLOCK, SETTINGS = "machine's clock", "machine's settings"
#: May stay the machine's where an administrator does not allow another: a spec names the congestion
#: control where it matters.
MAY_STAY = ("net.ipv4.tcp_congestion_control",)


def clock_of(run: RunData) -> str:
    """Return the run's clock, ``virtual`` or ``real``.

    The stricter demands of the virtual one are made only where it is known.
    """
    named = (run.manifest or {}).get("clock") or run.engine.get("clock")
    return "virtual" if named == "virtual" else "real"


def judge_clock(run: RunData) -> Iterator[Item]:
    """The clock of the day must not be set in a run: captures are stamped with it. Says nothing of
    a run that does not tell.

    The engine puts the stamps back (engine/restamp.py); a program that reads the clock itself saw
    it jump all the same.
    """
    steps = run.engine.get("clock_steps")
    if steps is None:
        return
    if not steps:
        yield Item(CLOCK, "not set in the run", "not set", "ok", "")
        return
    words = ", ".join(
        f"{step['by_ns'] / 1e9:+.3f} s at {step['t_ns'] / 1e9:.3f} s" for step in steps
    )
    files = len(run.engine.get("restamped", ()))
    yield Item(
        CLOCK,
        "not set in the run",
        f"set by {words}",
        "suspect",
        f"set by {words}; the time stamps of {files} files were put back, programs saw it",
    )


def judge_settings(run: RunData) -> Iterator[Item]:
    """What hosts inherit from the machine must have been put back to the kernel's defaults
    (engine/inherited.py). Says nothing where there was nothing.
    """
    put_back = run.engine.get("put_back") or {}
    if not put_back:
        return
    left = {key: now for key, (_before, wanted, now) in put_back.items() if wanted != now}
    bad = [f"{key} is {now}" for key, now in left.items() if key not in MAY_STAY]
    stay = [
        f"{key} stays {now}, which this machine does not let a host change"
        for key, now in left.items()
        if key in MAY_STAY
    ]
    done = [
        f"{key} was {before}" for key, (before, wanted, now) in put_back.items() if wanted == now
    ]
    measured = f"put back: {', '.join(done)}" if done else "nothing put back"
    yield Item(
        SETTINGS,
        "the kernel's defaults in every host",
        measured,
        "suspect" if bad else "ok",
        "; ".join([*bad, *stay]),
    )
