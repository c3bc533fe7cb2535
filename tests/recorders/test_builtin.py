"""What is recorded when a spec is silent, and what record: changes."""

import textwrap

import pytest

from tcpexp.catalogue import Catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.recorders import BUILTIN
from tcpexp.recorders.builtin import TRACE_EVENTS


@pytest.fixture
def recorders(tmp_path):
    def compile_recorders(text="", duration="9s"):
        path = tmp_path / "spec.yaml"
        path.write_text(
            f"name: x\ntopology: two_host\nduration: {duration}\n" + textwrap.dedent(text)
        )
        catalogue = Catalogue()
        for name, model in BUILTIN.items():
            catalogue.recorders.add(name, model)
        plan = compile_plan(load_spec(path, catalogue), catalogue)
        return [
            (
                recorder.kind,
                recorder.interface or recorder.node,
                recorder.interval_ns,
                recorder.options,
            )
            for recorder in plan.recorders
        ]

    return compile_recorders


def test_default_of_a_shaped_network(recorders):
    assert recorders("links: {h1-h2: {rate: 1mbit}}") == [
        ("capture", "h1-eth0", None, {"snaplen": 128}),
        ("capture", "h2-eth0", None, {"snaplen": 128}),
        ("ss", "h1", 10**9, {}),
        ("ss", "h2", 10**9, {}),
        ("qdisc", None, 10**8, {}),
        ("counters", "h1", 10**9, {}),
        ("counters", "h2", 10**9, {}),
        ("trace", None, None, {"events": list(TRACE_EVENTS)}),
        ("cpu", None, 10**9, {}),
    ]


@pytest.mark.parametrize(("duration", "every_s"), [("20s", 1), ("20001ms", 2), ("120s", 2)])
def test_sockets_are_looked_at_less_often_in_a_long_experiment(recorders, duration, every_s):
    assert next(recorder for recorder in recorders(duration=duration) if recorder[0] == "ss") == (
        "ss",
        "h1",
        every_s * 10**9,
        {},
    )
    assert (
        next(
            recorder for recorder in recorders("record: {ss: 1s}", duration) if recorder[0] == "ss"
        )[2]
        == 10**9
    )


def test_no_queues_without_a_wire(recorders):
    assert "qdisc" not in [kind for kind, *_ in recorders()]


@pytest.mark.parametrize(
    ("record", "kind", "expected"),
    [
        ("{ss: 100ms}", "ss", ("ss", "h1", 10**8, {})),
        ("{ss: {every: 5ms}}", "ss", ("ss", "h1", 5 * 10**6, {})),
        ("{capture: full}", "capture", ("capture", "h1-eth0", None, {"snaplen": 0})),
        ("{capture: {snaplen: 256B}}", "capture", ("capture", "h1-eth0", None, {"snaplen": 256})),
        (
            "{trace: ['tcp:tcp_probe']}",
            "trace",
            ("trace", None, None, {"events": ["tcp:tcp_probe"]}),
        ),
        ("{cpu: on}", "cpu", ("cpu", None, 10**9, {})),
    ],
)
def test_record_adjusts(recorders, record, kind, expected):
    assert (
        next(recorder for recorder in recorders(f"record: {record}") if recorder[0] == kind)
        == expected
    )


@pytest.mark.parametrize("off", ["off", "false"])
def test_off_switches_off(recorders, off):
    kinds = {kind for kind, *_ in recorders(f"record: {{trace: {off}, capture: {off}}}")}
    assert kinds == {"ss", "counters", "cpu"}


def test_routers_are_captured_when_asked(recorders, tmp_path):

    def names(text):
        return [name for kind, name, *_ in recorders(text) if kind == "capture"]

    path = tmp_path / "two_host.yaml"
    path.write_text("nodes: {h1: host, r1: router}\nlinks: [[h1, r1]]\n")
    assert names("") == ["h1-eth0"]
    assert names("record: {capture: {routers: true}}") == ["h1-eth0", "r1-eth0"]


def test_a_command_of_ones_own(recorders):
    record = "record: {command: {host: h2, argv: [ping, -c1, '{h1}'], every: 1s, output: ping.txt}}"
    found = recorders(record)[-1]
    assert found == (
        "command",
        "h2",
        10**9,
        {"argv": ["ping", "-c1", "10.0.0.1"], "output": "ping.txt"},
    )


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{ss: 100us}", "4:14: the interval is below 1ms"),
        ("{command: {host: h7, argv: [x], output: a}}", "there is no host 'h7'"),
        ("{command: {host: h1, argv: [x], output: ../a}}", "does not fit here"),
        ("{capture: 10B}", "out of range"),
        ("{command: 5}", "is not a setting of this recorder"),
    ],
)
def test_mistakes(recorders, record, words):
    with pytest.raises(SpecErrors) as caught:
        recorders(f"record: {record}\n")
    assert words in str(caught.value)


def test_every_recorder_documents_itself():
    for model in BUILTIN.values():
        assert model.__doc__ and model.name
        assert all(field.description for field in model.model_fields.values())
