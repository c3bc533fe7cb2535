"""Two stacks that hand each other their segments: what tests of the stack share."""

from __future__ import annotations

from tcpexp.tcp import Config, hashed_isn
from tcpexp.tcp.core.stack import Outgoing, Stack

KEY, OTHER_KEY = b"0123456789abcdef", b"fedcba9876543210"
SERVER, CLIENT = "10.0.0.2", "10.0.0.1"


def make(address: str, **settings: object) -> Stack:
    return Stack(address, hashed_isn(KEY), Config(**settings), cookie_key=OTHER_KEY)  # type: ignore[arg-type]


def exchange(*stacks: Stack, now: int = 0) -> list[Outgoing]:
    """Carry segments between stacks, without delay, until there are none; return all of them."""
    by_address = {stack.address: stack for stack in stacks}
    seen: list[Outgoing] = []
    while out := [one for stack in stacks for one in stack.segments_to_send(now)]:
        for one in out:
            seen.append(one)
            by_address[one.remote.address].receive(one.segment, one.local.address, now)
    return seen


def drain(stack: Stack) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    while (happened := stack.next_event()) is not None:
        found.append(happened)
    return found
