"""Call a function in processes of their own, a few at a time: one that crashes, hangs or takes all
memory spoils its own answer only.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

#: Limits of one call: wall seconds, and bytes of address space.
LIMIT_S = 120.0
LIMIT_BYTES = 6 << 30
Function = Callable[..., dict[str, Any]]


@dataclass
class _Call:
    """One call under way."""

    number: int
    process: Any
    answer: Connection
    deadline: float = field(default_factory=lambda: time.monotonic() + LIMIT_S)


def call_apart(
    function: Function, calls: Sequence[tuple[Any, ...]], at_once: int
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each call's number with its answer, in the order in which calls end.

    In place of an answer stands a sentence that says why there is none.

    Answers travel as JSON, so that nothing that a call was made to say is executed here.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__, "polars", "pydantic"])
    waiting = list(enumerate(calls))[::-1]
    running: list[_Call] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, arguments = waiting.pop()
                running.append(_begin(context, function, number, arguments))
            wait([call.answer for call in running], timeout=0.5)
            for call in [
                call for call in running if call.answer.poll() or time.monotonic() > call.deadline
            ]:
                running.remove(call)
                yield call.number, _end(call)
    finally:
        for call in running:
            call.process.kill()


def _begin(context: Any, function: Function, number: int, arguments: tuple[Any, ...]) -> _Call:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_called, args=(sender, function, arguments), daemon=True)
    process.start()
    sender.close()
    return _Call(number, process, receiver)


def _called(sender: Connection, function: Function, arguments: tuple[Any, ...]) -> None:
    """Answer in the other process, within its limits."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer: dict[str, Any] = {"answer": function(*arguments)}
    except MemoryError:
        answer = {"error": f"it takes more than {LIMIT_BYTES >> 30} GiB of memory to read"}
    except Exception as error:  # whatever a submission can bring about
        answer = {"error": f"it cannot be read: {type(error).__name__}: {str(error)[:300]}"}
    sender.send_bytes(json.dumps(answer, default=str).encode())


def _end(call: _Call) -> dict[str, Any] | str:
    """Return the answer of a call that has ended or is too late."""
    try:
        if not call.answer.poll():
            return f"it cannot be read within {LIMIT_S:.0f} s"
        raw = json.loads(call.answer.recv_bytes())
        answer: dict[str, Any] | str = raw["answer"] if "answer" in raw else str(raw["error"])
        return answer
    except (EOFError, OSError, ValueError):
        call.process.join(5)
        return f"reading it ended the process (status {call.process.exitcode})"
    finally:
        call.process.kill()
        call.process.join()
        call.answer.close()
