"""Congestion controls of one's own in a spec: names, places of mistakes, what is read of the C."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_plan
from tcpexp.errors import SpecErrors
from tcpexp.spec.owncontrol import names_in, needs_ecn, without_comments
from tests.support.own_controls import SOURCE, VARIANT, plan_of


def mistakes(folder: Path, control: str, more: str = "") -> list[tuple[int, str]]:
    with pytest.raises(SpecErrors) as caught:
        plan_of(folder, control, more)
    return [(error.where.line, error.message) for error in caught.value.errors]


def test_comments_and_strings_are_told_apart():
    assert names_in(SOURCE) == ["mine"]
    assert names_in(VARIANT) == [None]
    assert without_comments('a /* "b" */ "/* c */" // d') == 'a           "/* c */"     '
    assert needs_ecn(".flags = TCP_CONG_NEEDS_ECN,")
    assert not needs_ecn("// TCP_CONG_NEEDS_ECN")


def test_the_source_travels_with_its_headers_and_its_hash(tmp_path):
    plan = plan_of(tmp_path, "{source: mine.c, parameters: {beta: 717, on: true, list: [1, 2]}}")
    (module,) = plan.modules
    assert (module.name, module.source) == ("mine", "mine.c")
    assert module.parameters == {"beta": "717", "on": "1", "list": "1,2"}
    assert len(module.sha256) == 64
    assert list(module.headers) == ["mine_trace.h"]
    assert [file.path for file in plan.files] == [
        "modules/mine/mine.c",
        "modules/mine/mine_trace.h",
    ]
    assert plan.flows[0].congestion_control == "mine"
    assert "mine" in plan.needs.congestion_controls


def test_another_source_is_another_plan_and_a_parameter_is_one_too(tmp_path):
    from tcpexp.batch.cell import content_key

    first = plan_of(tmp_path, "{source: mine.c, parameters: {beta: 717}}")
    other = plan_of(tmp_path, "{source: mine.c, parameters: {beta: 900}}")
    (tmp_path / "own.yaml").write_text((tmp_path / "own.yaml").read_text())
    (tmp_path / "mine.c").write_text(SOURCE.replace("mine_ssthresh", "other"))
    changed = load_plan(tmp_path / "own.yaml")
    keys = {content_key(plan, {}) for plan in (first, other, changed)}
    assert len(keys) == 3
    assert content_key(first, {}) == content_key(
        plan_of(tmp_path, "{source: mine.c, parameters: {beta: 717}}"), {}
    )


def test_a_declared_name_stands_wherever_one_is_asked_for(tmp_path):
    more = """\
congestion_controls:
  soft: {source: v.c, parameters: {beta: 900}}
  mine: mine.c
hosts:
  h2: {sysctls: {net.ipv4.tcp_congestion_control: soft}}
  h1: {congestion_control: mine}"""
    plan = plan_of(tmp_path, "soft", more)
    assert [module.name for module in plan.modules] == ["mine", "soft"]
    defaults = {
        node.name: node.sysctls.get("net.ipv4.tcp_congestion_control")
        for node in plan.network.nodes
    }
    assert defaults == {"h1": "mine", "h2": "soft"}


def test_a_parameter_can_be_set_and_made(tmp_path):
    path = "actions[0].congestion_control.parameters"
    plan = plan_of(tmp_path, "{source: mine.c}", overrides=(f"{path}.beta=9", f"{path}.alpha=2"))
    assert plan.modules[0].parameters == {"beta": "9", "alpha": "2"}


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("{source: gone.c}", "there is no file 'gone.c' beside the spec"),
        ("{source: ../mine.c}", "is not beside the spec"),
        ("{source: mine.ko}", "'mine.ko' is not a C file"),
        ("{source: mine.c, name: yours}", "mine.c calls itself 'mine', not 'yours'"),
        ("{source: v.c, name: cubic}", "the kernel has a congestion control 'cubic' already"),
        ("{source: v.c, name: far_too_long_a_name}", "cannot be called"),
        ("{source: mine.c, params: {a: 1}}", "unknown key 'params'"),
        ("{source: mine.c, parameters: {a: 'x y'}}", "cannot be a parameter's value"),
        ("mine.c", "'mine.c' is a file, not a name"),
        ("cubicc", "unknown congestion control 'cubicc'"),
    ],
)
def test_a_mistake_is_named_at_its_line(tmp_path, control, words):
    found = mistakes(tmp_path, control)
    assert len(found) == 1 and words in found[0][1]
    assert found[0][0] == 7


def test_one_module_cannot_have_two_sets_of_parameters(tmp_path):
    more = "congestion_controls: {mine: {source: mine.c, parameters: {beta: 1}}}"
    ((line, words),) = mistakes(tmp_path, "{source: mine.c, parameters: {beta: 2}}", more)
    assert line == 7 and "named with another parameters elsewhere" in words


def test_who_does_not_trust_a_spec_compiles_nothing(tmp_path):
    from tcpexp.plan.examine import load_plan as load

    plan_of(tmp_path, "{source: mine.c}")
    with pytest.raises(SpecErrors) as caught:
        load(tmp_path / "own.yaml", load_catalogue(runs_code=False))
    assert "would run as a part of the kernel" in str(caught.value)
