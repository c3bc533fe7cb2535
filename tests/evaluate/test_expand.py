"""From a case to specs: roles, flows that are not there, many flows."""

from pathlib import Path

import pytest

from tcpexp.errors import SpecError
from tcpexp.evaluate.case import Case, LoadedCase, load_cases
from tcpexp.evaluate.control import Control, parse_control
from tcpexp.evaluate.expand import Mix, mixes_of, source_of, spec_name

BBR, CUBIC, RENO = (Control(name, name, name) for name in ("bbr", "cubic", "reno"))


def case_of(actions, **sweep):
    return LoadedCase(
        Case.model_validate(
            {
                "name": "c",
                "title": "T",
                "sections": ["6.1"],
                "about": "A.",
                "mixes": {"both": {"a": "new", "b": "old"}, "one": {"a": "new", "b": "none"}},
                "criteria": [],
                "spec": {"actions": actions, "sweep": sweep},
            }
        ),
        "",
        "c.yaml",
        Path(),
    )


ACTIONS = [
    {"id": "x", "do": "iperf3", "congestion_control": "$a"},
    {"id": "y", "do": "iperf3", "congestion_control": "$b"},
    {"id": "z", "do": "http_get", "role": "b"},
]


def test_roles_are_played_and_what_nobody_plays_is_left_out():
    loaded = case_of(
        ACTIONS,
        parameters={"rate": {}},
        vary={"begin": {"set": "actions[y].at"}, "other": {"set": "actions[x].at"}},
        measures={
            "gx": {"from": {"rows": {"flow": "x"}}},
            "gy": {"from": {"rows": {"flow": "y"}}},
            "my": "flows.y.goodput_bps",
            "both": {"is": "gx + gy"},
            "more": {"is": "both * 2"},
            "half": {"is": "gx / rate"},
        },
    )
    both, one = mixes_of(loaded.case, BBR, [CUBIC, RENO])
    whole = source_of(loaded, both, Path()).raw
    assert [action.get("congestion_control") for action in whole["actions"]] == [
        "bbr",
        "cubic",
        None,
    ]
    assert "role" not in whole["actions"][2]
    assert len(whole["sweep"]["measures"]) == 6
    alone = source_of(loaded, one, Path()).raw
    assert [action["id"] for action in alone["actions"]] == ["x"]
    assert list(alone["sweep"]["measures"]) == ["gx", "half"]
    assert list(alone["sweep"]["vary"]) == ["other"]
    assert (both.old, one.old) == ("cubic", None)


def test_a_role_without_a_player_is_an_error():
    with pytest.raises(SpecError, match="nobody plays the role 'b'"):
        source_of(case_of(ACTIONS), Mix("odd", {"a": BBR}), Path())


def test_many_flows():
    many = {"count": 4, "from": "1s", "to": "4s"}
    actions = [{"id": "get", "do": "http_get", "path": ["/a", "/b"], "many": many}]
    loaded = case_of(actions)
    mix = mixes_of(loaded.case, BBR, [CUBIC])[0]
    made = source_of(loaded, mix, Path()).raw["actions"]
    assert [(a["id"], a["at"], a["path"]) for a in made] == [
        ("get1", "1s", "/a"),
        ("get2", "2s", "/b"),
        ("get3", "3s", "/a"),
        ("get4", "4s", "/b"),
    ]
    many["gaps"] = "exponential"
    random = [a["at"] for a in source_of(loaded, mix, Path()).raw["actions"]]
    assert random == [a["at"] for a in source_of(loaded, mix, Path()).raw["actions"]]
    assert (random[0], random[-1]) == ("1s", "4s")
    assert random != ["1s", "2s", "3s", "4s"]


def test_pairs_are_every_control_alone_and_every_two():
    (loaded,) = load_cases(("pairs",))
    names = [mix.name for mix in mixes_of(loaded.case, RENO, [CUBIC, BBR])]
    assert names == [
        "reno|",
        "cubic|",
        "bbr|",
        "bbr|bbr",
        "bbr|cubic",
        "bbr|reno",
        "cubic|cubic",
        "cubic|reno",
        "reno|reno",
    ]
    assert len(mixes_of(loaded.case, CUBIC, [CUBIC])) == 2


def test_a_control_of_one_s_own_brings_its_headers(tmp_path):
    (tmp_path / "my_cc.c").write_text('#include <net/tcp.h>\n# include "mine.h"\n')
    (tmp_path / "mine.h").write_text('#include "deeper.h"\n#include "not_there.h"\n')
    (tmp_path / "deeper.h").write_text("")
    control = parse_control(str(tmp_path / "my_cc.c"), "CC")
    assert (control.name, control.value) == ("my_cc", {"source": "my_cc.c"})
    assert sorted(control.files) == ["deeper.h", "mine.h", "my_cc.c"]
    (tmp_path / "tuned.yaml").write_text(
        "congestion_control: {source: my_cc.c, parameters: {alpha: 2}}\n"
    )
    tuned = parse_control(str(tmp_path / "tuned.yaml"), "CC")
    assert tuned.value == {"source": "my_cc.c", "parameters": {"alpha": 2}}
    assert tuned.name == "tuned"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cubik", "did you mean 'cubic'"),
        ("nowhere.c", "there is no file nowhere.c"),
        ("nowhere.yaml", "there is no file nowhere.yaml"),
    ],
)
def test_what_is_no_control(given, words):
    with pytest.raises(SpecError, match=words):
        parse_control(given, "CC")


def test_the_name_of_a_spec():
    assert spec_name("pairs", "left=bbr, right=cubic") == "pairs-left-bbr-right-cubic"
