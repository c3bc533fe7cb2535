"""Entries of BPF maps: what happens when the kernel has none at hand."""

import errno

import pytest

from tcpexp.engine.faults import bpf
from tcpexp.engine.faults.bpf import Map


class ShortOfEntries(Map):
    """A map that refuses the first ``refusals`` entries, with the error number ``why``."""

    refusals = 0
    why = errno.ENOMEM
    tried = 0

    def _call(self, command, key, value):
        type(self).tried += 1
        if type(self).tried <= self.refusals:
            raise OSError(self.why, "refused")


def write_to(kind, monkeypatch):
    kind.tried = 0
    monkeypatch.setattr(bpf, "REFILL_S", 0)
    kind("hosts", 3, 4, 4, 1024).write(b"host", b"ours")
    return kind.tried


def test_an_entry_that_the_kernel_has_not_at_hand_is_asked_for_again(monkeypatch):
    kind = type("Twice", (ShortOfEntries,), {"refusals": 2})
    assert write_to(kind, monkeypatch) == 3


@pytest.mark.parametrize(
    ("refusals", "why"), [(10_000, errno.ENOMEM), (1, errno.EINVAL)], ids=["for ever", "another"]
)
def test_what_waiting_does_not_mend_is_an_error(refusals, why, monkeypatch):
    kind = type("Never", (ShortOfEntries,), {"refusals": refusals, "why": why})
    with pytest.raises(OSError) as caught:
        write_to(kind, monkeypatch)
    assert caught.value.errno == why
    assert kind.tried <= bpf.REFILLS + 1
