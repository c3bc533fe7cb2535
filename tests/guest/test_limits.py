"""Limits that end a run in the guest: its virtual time."""

import dataclasses

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.places.qemu.place import GuestPlace
from tcpexp.plan.compile import compile_plan
from tcpexp.spec.load import load_spec

pytestmark = pytest.mark.guest

SPEC = """
name: waits
title: Nothing happens
topology: two_host
duration: 600s
actions:
  - {at: 1s, do: mark, text: "here"}
"""


def test_a_run_over_its_virtual_limit_is_ended_and_keeps_what_it_has(tmp_path):
    spec = tmp_path / "waits.yaml"
    spec.write_text(SPEC)
    plan = compile_plan(load_spec(spec, load_catalogue()), load_catalogue())
    assert plan.virtual_limit_s > 600
    result = GuestPlace().run(dataclasses.replace(plan, virtual_limit_s=30.0), tmp_path / "run", lambda phase, t: None, lambda: False)
    assert result.status == "interrupted"
    assert result.virtual_seconds < 590
    assert '"here"' in (tmp_path / "run" / "events.jsonl").read_text()
