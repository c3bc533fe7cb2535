"""The page's parts: the vendored library is the one that is named, texts cannot break out, nothing
may be loaded.
"""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest

from tcpexp.report.page import embed
from tcpexp.report.page.write import ANSWERS_SCRIPT
from tcpexp.report.panels.model import PanelData

PAGE = Path(embed.__file__).parent
EVIL = "</script><script>alert(1)</script><!--"


def named_sums() -> dict[str, str]:
    rows = re.findall(
        r"\| `([^`]+)` \|.*`([0-9a-f]{64})` \|", (PAGE / "vendor/README.md").read_text()
    )
    assert rows
    return dict(rows)


@pytest.mark.parametrize("name", [path.name for path in (PAGE / "vendor").glob("*.[jc]s*")])
def test_a_vendored_file_is_the_one_that_is_named(name):
    assert hashlib.sha256((PAGE / "vendor" / name).read_bytes()).hexdigest() == named_sums()[name]


def test_the_library_comes_with_its_version_and_licence():
    (version,) = set(re.findall(r"\| (\d+\.\d+\.\d+) \|", (PAGE / "vendor/README.md").read_text()))
    assert f"(v{version})" in (PAGE / "vendor/uPlot.iife.min.js").read_text()[:100]
    assert "MIT License" in (PAGE / "vendor/LICENSE.uPlot").read_text()


def test_every_script_is_used():
    ours = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.js")}
    assert ours == {*embed.SCRIPTS, *embed.LIST_SCRIPTS, ANSWERS_SCRIPT}


def test_texts_cannot_leave_their_element():
    data = PanelData(
        (0, 1),
        (0, 1),
        {EVIL: "--s1"},
        [],
        [{"t": 0, "label": EVIL, "kind": "action"}],
        [],
        {},
        [],
        [],
    )
    parts = embed.embed_panels(data)
    assert (
        "<" not in parts.info
        and "<" not in parts.columns
        and "</script" not in parts.script.lower()
    )


def test_the_policy_lets_only_our_script_run():
    policy = dict(word.split(" ", 1) for word in embed.page_policy().split("; "))
    assert policy["default-src"] == "'none'" and re.fullmatch(
        r"'sha256-[A-Za-z0-9+/=]{44}'", policy["script-src"]
    )


def test_the_lists_script_is_packed_and_named_in_the_policy():
    packed = gzip.decompress(base64.b64decode(embed.packed_list_script()))
    assert packed.decode("utf-8") == embed.list_script()
    digest = base64.b64encode(hashlib.sha256(packed).digest()).decode("ascii")
    assert f"'sha256-{digest}'" in embed.page_policy(embed.list_script())


def test_our_scripts_ask_for_nothing():
    for name in (*embed.SCRIPTS[1:], *embed.LIST_SCRIPTS):
        assert not re.search(
            r"\bfetch\(|XMLHttpRequest|https?://|import\(|eval\(|innerHTML",
            (PAGE / name).read_text(),
        ), name
