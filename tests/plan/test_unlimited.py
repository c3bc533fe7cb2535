"""A flow that nothing holds back gets a note.

One that has a rate somewhere, or an end, does not.
"""

import pytest

from tcpexp.catalogue.reading import load_plan

SPEC = """\
name: fast
topology: two_hosts_router
links: {{h1-r1: {{delay: 5ms}}, r1-h2: {{{link}}}}}
duration: 2s
actions: [{{at: 0s, do: iperf3, from: h1, to: h2, flow: up{more}}}]
"""


@pytest.mark.parametrize(
    ("link", "more", "notes"),
    [
        ("delay: 5ms", ", until: 2s", 1),
        ("rate: 1gbit", ", until: 2s", 0),
        ("delay: 5ms", ", until: 2s, rate: 5mbit", 0),
        ("delay: 5ms", ", bytes: 100kB", 0),
        ("delay: 5ms", ", until: 2s, direction: reverse", 1),
        ("delay: 5ms", ", until: 2s, direction: both", 2),
    ],
)
def test_a_flow_without_a_limit_is_noted(link, more, notes, tmp_path):
    path = tmp_path / "fast.yaml"
    path.write_text(SPEC.format(link=link, more=more))
    assert [("no link from" in note) for note in load_plan(path).notes] == [True] * notes
