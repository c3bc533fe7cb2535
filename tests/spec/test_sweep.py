"""``sweep:`` in a spec: values and ranges, and every mistake at its own place."""

import pytest

from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.spec.sweep import Range

HEAD = (
    "name: x\ntopology: two_host\nlinks: {h1-h2: {rate: 1mbit, delay: 1ms}}\nduration: 1s\nsweep:\n"
)


def errors_of(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(SpecErrors) as caught:
        load_spec(path)
    return [str(error).removeprefix(f"{path}:") for error in caught.value.errors]


@pytest.mark.parametrize(
    ("range_", "values"),
    [
        (
            {"from": "1mbit", "to": "100mbit", "steps": 3, "scale": "log"},
            ("1mbit", "10mbit", "100mbit"),
        ),
        (
            {"from": "0.01%", "to": "1%", "steps": 5, "scale": "log"},
            ("0.01%", "0.0316%", "0.1%", "0.316%", "1%"),
        ),
        ({"from": 10, "to": 20, "steps": 3}, (10, 15, 20)),
        ({"from": "20ms", "to": "10ms", "steps": 2}, ("20ms", "10ms")),
    ],
)
def test_ranges(range_, values):
    assert Range.model_validate(range_).list() == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  parameters: {}\n", "6:15: this is empty"),
        ("  parameters: {p: {set: seed}}\n", "6:19: a parameter has values, a range or is"),
        (
            "  parameters: {p: {values: [1], is: 2}}\n",
            "6:19: a parameter has values, a range or is",
        ),
        ("  parameters: {seed: {values: [1]}}\n", "6:16: the name 'seed' is taken"),
        (
            "  parameters: {p: {range: {from: 1mbit, to: 10ms, steps: 3}}}\n",
            "6:27: the ends '1mbit' and '10ms' have different units",
        ),
        (
            "  parameters: {p: {range: {from: 0, to: 10, steps: 3, scale: log}}}\n",
            "6:27: a logarithmic range cannot reach zero",
        ),
        (
            "  parameters: {p: {is: q * 2}, q: {values: [1]}}\n",
            "6:19: 'q' is no parameter above 'p'",
        ),
        (
            "  parameters: {p: {values: [1], set: {seed: '{p / }'}}}\n",
            "6:45: 'p / ' is not an expression",
        ),
        (
            "  parameters: {p: {values: [1, 2]}, q: {values: [1]}}\n  zip: [[p, q]]\n",
            "7:9: zipped parameters have equally many values; here p has 2, q has 1",
        ),
        ("  parameters: {p: {values: [1]}}\n  where: pp > 1\n", "7:10: there is no parameter 'pp'"),
        (
            "  parameters: {p: {values: [1]}}\n  quick: {parameters: {r: [1]}}\n",
            "7:24: 'r' is no parameter with values",
        ),
        (
            "  parameters: {p: {values: [1]}}\n  series: [througput]\n",
            "7:12: there is no table 'througput' (did you mean 'throughput'?)",
        ),
        ("  parameters: {p: {values: [1]}}\n  measures: {m: {}}\n", "7:17: a measure is a metric:"),
        (
            (
                "  parameters: {p: {values: [1]}}\n  measures: {m: {from: {table: rtt, column:"
                " rttns}}}\n"
            ),
            "7:24: the table rtt has no column 'rttns'",
        ),
        (
            "  parameters: {p: {values: [1]}}\n  figures: [{lines: {x: p, y: goodput}}]\n",
            "7:13: there is no parameter or measure 'goodput'",
        ),
        (
            (
                "  parameters: {p: {values: [1]}}\n  measures: {m: a.b}\n  expect: [{value:"
                " {measure: m}}]\n"
            ),
            "8:20: this expects nothing",
        ),
        ("  parameters: {p: {values: [1]}}\n  repeat: 0\n", "7:11: '0' is out of range"),
    ],
)
def test_one_mistake(tmp_path, text, expected):
    (error,) = errors_of(tmp_path, text)
    assert error.startswith(expected)
