"""Whole specs: what they turn into, and each mistake with place, cause and hint."""

import pytest
from pydantic import ValidationError

from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.spec.source import load_source


def test_defaults(workshop):
    spec = workshop.load("")
    assert (spec.name, spec.title, spec.seed, spec.duration) == ("one", "", 1, 10 * 10**9)
    assert spec.topology.name == "two_host"
    assert spec.actions == () and spec.plots is None and spec.checks == ()


def test_actions_and_checks_become_their_models(workshop):
    spec = workshop.load("""
        actions:
          - {do: say, at: 1s, from: h1}
        expect:
          - heard: {by: h2, at_least: 5mbit}
          - heard: [{by: h1}, {by: h2}]
        record: {ss: 100ms, trace: off, capture: full}
        plots: [throughput, {cwnd: {flow: x}}]
    """)
    assert spec.actions[0].at == 10**9 and spec.actions[0].from_ == "h1"
    assert [entry.parameters["by"] for entry in spec.checks] == ["h2", "h1", "h2"]
    assert spec.checks[0].model.at_least == 5_000_000
    record = {entry.name: entry.model for entry in spec.record}
    assert (
        record["ss"].every == 100_000_000
        and record["trace"] is None
        and record["capture"].snaplen == 0
    )
    assert [(plot.name, plot.options) for plot in spec.plots] == [
        ("throughput", {}),
        ("cwnd", {"flow": "x"}),
    ]
    assert str(spec.place("actions", 0, "from")).endswith("spec.yaml:7:29")


def test_a_spec_is_frozen(workshop):
    with pytest.raises(ValidationError):
        workshop.load("").seed = 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("durration: 5s", "5:1: unknown key 'durration' (did you mean 'duration'?)"),
        ("seed: x", "5:7: 'x' is not a seed (write a whole number from 0 to 4294967295)"),
        (
            "kernel: 6.1",
            "5:9: '6.1' is a number here, and names no kernel (6.10 would be 6.1) (write kernel:"
            " debian-6.1, or put it in quotes)",
        ),
        ("kernel: ../x", "5:9: '../x' names no kernel (write for example kernel: debian-6.1)"),
        ("kernel: [a]", "5:9: a list names no kernel (write for example kernel: debian-6.1)"),
        ("seed: -1", "5:7: '-1' is out of range (it must be at least 0)"),
        ("title: 5", "5:8: expected a text, found '5' (put it in quotes)"),
        ("description: [a]", "5:14: expected a text, found a list (put it in quotes)"),
        ("links: 5", "5:8: expected a mapping, found '5' (write key: value pairs)"),
        ("links:", "5:7: links: is empty (fill it or leave the key out)"),
        (
            "links: {h1_h2: {}}",
            "5:9: 'h1_h2' does not name a link (write h1-h2 for both directions or h1->h2 for one)",
        ),
        ("links: {h1-h2: {rate: 10}}", "5:23: the rate '10' has no unit (write 10mbit)"),
        ("links: {h1-h2: {delay: -20ms}}", "5:24: the duration '-20ms' is negative"),
        ("links: {h1-h2: {loss: 1% 25%}}", "5:23: '1% 25%' asks for correlated loss"),
        ("links: {h1-h2: {loss: 1%, loss_correlation: 25%}}", "gilbert_elliott"),
        ("links: {h1-h2: {loss: {model: gilbert_elliott, p: 1%}}}", "5:23: 'r' is missing"),
        ("links: {h1-h2: {discipline: fq_coddel}}", "did you mean 'fq_codel'?"),
        ("links: {h1-h2: {queu: 5p}}", "5:17: unknown key 'queu' (did you mean 'queue'?)"),
        ("hosts: {h1: {mtu: 1500}}", "5:19: the size '1500' has no unit (write 1500B or 1500kB)"),
        (
            "hosts: {h1: {mtu: 10B}}",
            "5:19: an MTU of 10 bytes is out of range (write 576B to 9000B)",
        ),
        (
            "hosts: {h1: {sysctls: {kernel.panic: 1}}}",
            "5:24: 'kernel.panic' is not a setting of a host's network",
        ),
        (
            "hosts: {h1: {sysctls: {net.ipv6.tcp_rmem: 1}}}",
            (
                "5:24: there is no setting 'net.ipv6.tcp_rmem' (write net.ipv4.tcp_rmem, which"
                " holds for IPv6 too)"
            ),
        ),
        (
            "hosts: {h1: {sysctls: {net.ipv4.tcp_sack: false}}}",
            "5:43: 'False' is not a sysctl's value",
        ),
        ("actions: [5]", "5:11: '5' is not an action"),
        (
            "actions: [{at: 1s}]",
            "5:11: this action does not say what to do (add do: with an action's name)",
        ),
        ("actions: [{do: sai, from: h1}]", "5:16: unknown action 'sai' (did you mean 'say'?)"),
        ("actions: [{do: say}]", "5:11: 'from' is missing (from: who speaks)"),
        (
            "actions: [{do: say, from: h1, txt: x}]",
            "5:31: unknown key 'txt' (did you mean 'text'?)",
        ),
        (
            "actions: [{do: say, from: h1, at: 5}]",
            "5:35: the duration '5' has no unit (write 5ms or 5s)",
        ),
        ("actions: [{do: say, from: h1, at: -5s}]", "5:35: the duration '-5s' is negative"),
        (
            "actions: [{do: say, from: h1, loud: 7}]",
            "5:37: expected true or false, found '7' (write true or false)",
        ),
        (
            "actions: [{do: say, from: h1, times: 9}]",
            "5:38: '9' is out of range (it must be at most 5)",
        ),
        ("actions: [{do: say, from: h1, id: 9x}]", "5:35: '9x' does not fit here"),
        ("actions: [{do: [say]}]", "5:16: a list is not the name of an action"),
        ("expect: [{heared: {}}]", "5:11: unknown check 'heared' (did you mean 'heard'?)"),
        ("expect: [{heard: {}}]", "5:18: 'by' is missing"),
        ("expect: [{heard: [{by: h1}, {by: h1, at_least: 5}]}]", "5:48: the rate '5' has no unit"),
        (
            "expect: [{heard: {by: h1}, more: 1}]",
            "5:10: an entry of expect: is a mapping with exactly one check",
        ),
        ("expect: [heard]", "5:10: an entry of expect: is a mapping with exactly one check"),
        ("record: {sss: 1s}", "5:10: unknown recorder 'sss' (did you mean 'ss'?)"),
        ("record: {ss: 5}", "5:14: the duration '5' has no unit (write 5ms or 5s)"),
        (
            "record: {capture: {snaplen: 10}}",
            "5:29: the size '10' has no unit (write full, or a size such as 128B)",
        ),
        ("record: {trace: [tcp:tcp_prob]}", "5:18: 'tcp:tcp_prob' is not one of"),
        ("plots: [thruput]", "5:9: unknown plot 'thruput' (did you mean 'throughput'?)"),
        (
            "sweep: {parameters: {p: {is: 1}}, wher: [p < 2]}",
            "5:35: unknown key 'wher' (did you mean 'where'?)",
        ),
        ("topology_params: 1", "5:1: unknown key 'topology_params'"),
    ],
)
def test_one_mistake(workshop, text, expected):
    errors = workshop.errors(text)
    assert len(errors) == 1
    assert expected in errors[0]


def test_all_mistakes_are_reported_in_the_files_order(workshop):
    errors = workshop.errors("""
        links: {h1-h2: {rate: 10, delay: 5, queu: 1p}}
        actions: [{do: say}, {do: sai}]
        record: {ss: 5, sss: 1s}
        seed: x
    """)
    assert [error.split(": ")[0] for error in errors] == [
        "6:23",
        "6:34",
        "6:37",
        "7:11",
        "7:27",
        "8:14",
        "8:17",
        "9:7",
    ]


@pytest.mark.parametrize("name", ["'a b'", "../x", "'9x'", "''", "a/b"])
def test_names_are_safe_for_folders(workshop, name):
    path = workshop.write(f"name: {name}\ntopology: two_host\nduration: 1s\n")
    with pytest.raises(SpecErrors, match="cannot name an experiment"):
        load_spec(path, workshop.catalogue())


@pytest.mark.parametrize("text", ["hello", "- a", "5"])
def test_a_spec_is_a_mapping(workshop, text):
    with pytest.raises(SpecErrors, match="a spec is a mapping"):
        load_spec(workshop.write(text), workshop.catalogue())


def test_missing_keys_are_named(workshop):
    with pytest.raises(SpecErrors) as caught:
        load_spec(workshop.write("title: x\n"), workshop.catalogue())
    assert [error.message for error in caught.value.errors] == [
        "'name' is missing",
        "'topology' is missing",
        "'duration' is missing",
    ]


def test_thousands_of_mistakes_are_cut_short(workshop):
    assert len(workshop.errors("".join(f"k{number}: 1\n" for number in range(5000)))) == 20


@pytest.mark.parametrize(
    ("plugins", "source", "words"),
    [
        ("[missing.py]", None, "there is no file 'missing.py' beside the spec"),
        ("[../x.py]", None, "is not a Python file beside the spec"),
        ("[bad.py]", "def broken(:\n", "SyntaxError"),
        ("[bad.py]", "\n\n1 / 0\n", "bad.py:3"),
        (
            "[bad.py]",
            "from tcpexp.actions.base import Action\nclass X(Action):\n    pass\n",
            "does not say its name",
        ),
    ],
)
def test_plugin_mistakes(workshop, plugins, source, words):
    if source is not None:
        workshop.write(source, "bad.py")
    path = workshop.write(f"name: x\nplugins: {plugins}\ntopology: two_host\nduration: 1s\n")
    with pytest.raises(SpecErrors) as caught:
        load_spec(path, workshop.catalogue())
    (error,) = caught.value.errors
    assert words in str(error)
    assert error.where.line == 2


def test_the_source_keeps_the_text_as_given(workshop):
    path = workshop.write("# why\nname: x\n")
    assert load_source(path).text == "# why\nname: x\n"
