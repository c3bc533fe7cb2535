"""A congestion control of one's own, compiled and loaded: the template, twins in one run, and what
the kernel refuses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.errors import RunError
from tcpexp.library.templates import write_congestion_control
from tcpexp.notebook.run import Run, run
from tcpexp.places.kernel.kernel import find_kernel
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.manifest import read_manifest

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("own_congestion_control")]

SPEC = """\
name: own
topology: two_host
links: {h1-h2: {rate: 10mbit, delay: 10ms, queue: 1bdp}}
duration: 5s
congestion_controls:
  gentle: {source: own.c, parameters: {beta: 900}}
  harsh: {source: own.c, parameters: {beta: 300}}
hosts:
  h2: {congestion_control: harsh}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: gentle, congestion_control: gentle, until: 5s}
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: harsh, direction: reverse, until: 5s}
  - {at: 4s, do: congestion_control, flow: gentle, algorithm: harsh}
"""


def own_source(folder: Path, **changed: str) -> None:
    """Write the template's source as ``own.c``, called as the spec says, with words changed."""
    write_congestion_control("own", folder)
    text = (folder / "own.c").read_text().replace('.name		= "own"', ".name = KBUILD_MODNAME")
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "own.c").write_text(text)
    trace = (folder / "own_trace.h").read_text()
    trace = trace.replace("#define TRACE_SYSTEM own", "#define TRACE_SYSTEM __KBUILD_MODNAME")
    (folder / "own_trace.h").write_text(trace)
    (folder / "own.yaml").write_text(SPEC)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("own")
    own_source(folder)
    return run(folder / "own.yaml", out=folder / "runs")


def test_two_variants_of_one_source_each_keep_what_they_are_told(both):
    events = both.table("loss_events").drop_nulls("backoff")
    factors = {
        name: events.filter(flow=name, spurious=False)["backoff"].to_list()
        for name in ("gentle", "harsh")
    }
    assert factors["gentle"][0] == pytest.approx(900 / 1024, abs=0.02)
    assert factors["harsh"][0] == pytest.approx(300 / 1024, abs=0.02)
    assert both.certificate["verdict"] == "VALID"


def test_the_live_flow_was_switched_and_the_hosts_default_used(both):
    used = both.table("sockets").drop_nulls(["flow", "congestion_control"])
    names = {
        flow: used.filter(flow=flow)["congestion_control"].unique(maintain_order=True).to_list()
        for flow in ("gentle", "harsh")
    }
    assert names["gentle"] == ["gentle", "harsh"]
    assert "harsh" in names["harsh"]


def test_what_it_says_has_the_experiments_time_and_its_flow(both):
    variables = both.table("variables")
    assert set(variables["variable"].unique()) == {"last_max", "losses"}
    assert set(variables["flow"].drop_nulls().unique()) == {"gentle", "harsh"}
    lines = both.table("kernel_log").filter(level="info")
    losses = both.table("loss_events").filter(flow="gentle")
    first = lines.filter(lines["text"].str.starts_with("gentle: loss 1"))["t_ns"][0]
    assert abs(first - losses["noticed_ns"][0]) < 10_000_000  # ticks of 4 ms


def test_the_manifest_has_the_hashes_and_the_compiler(both):
    modules = read_manifest(both.path).modules
    assert set(modules) == {"gentle", "harsh"}
    assert modules["gentle"]["source_sha256"] == both.plan.modules[0].sha256
    assert "gcc" in modules["gentle"]["compiler"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"	.ssthresh	= own_ssthresh,\n": ""},
            "lacks a callback that every congestion control",
        ),
        (
            {"ca->losses++;": "*(volatile int *)0 = 1;"},
            "crashed in its function own_ssthresh at own.c",
        ),
    ],
)
def test_a_refusal_and_a_crash_are_told(tmp_path, changed, words):
    own_source(tmp_path, **changed)
    if "ssthresh" in next(iter(changed)):
        text = (tmp_path / "own.c").read_text()
        (tmp_path / "own.c").write_text(text.replace("static u32 own_ssthresh", "u32 own_ssthresh"))
    with pytest.raises(RunError) as caught:
        outcome = run_experiment(tmp_path / "own.yaml", RunOptions(out=tmp_path / "runs"))
        raise RunError(str(read_manifest(outcome.path).failure))
    assert words in str(caught.value)


@pytest.mark.full
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_the_template_does_what_it_says_on_other_kernels(tmp_path, kernel):
    if find_kernel(kernel) is None:
        pytest.skip(f"the kernel {kernel} is not built")
    write_congestion_control("mine", tmp_path)
    made = run(tmp_path / "mine.yaml", kernel=kernel, out=tmp_path / "runs")
    assert [verdict.result for verdict in made.verdicts] == ["PASS"] * 4
