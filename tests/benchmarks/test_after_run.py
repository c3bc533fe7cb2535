"""What is measured after a run: every step, and the sum."""

import after_run


def test_the_steps_are_those_of_a_report(tmp_path):
    names = list(after_run.steps(tmp_path))
    order = [
        "read raw data",
        "derived tables",
        "metrics",
        "certificate",
        "checks",
        "the page's figures",
        "panels",
    ]
    assert [name for name in names if name in order] == order
    assert "verify the manifest" not in names, "this run has none"


def test_small_steps_are_in_the_sum_only(tmp_path):
    rows = [
        ("start Python", (0.0, 0.02, 0.0)),
        ("checks", (0.5, 0.25, 1.0)),
        ("manifest", (0.001, 0.001, 0.0)),
    ]
    lines = after_run.table(tmp_path / "x" / "run", rows).splitlines()
    assert lines[0] == "x/run" and not any(line.startswith("manifest") for line in lines)
    assert lines[-1].split() == ["all", "0.50", "0.27", "1.00"]
    assert after_run.difference((1.0, 2.0, 3.0), (2.0, 4.0, 6.0)) == (1.0, 2.0, 3.0)
