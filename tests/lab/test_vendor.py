"""The editor is the one that its README names, and comes with its licences."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import resources

from tcpexp.lab.assets import EDITOR, assets, colours, version

VENDOR = resources.files("tcpexp.lab").joinpath("vendor")


def test_the_editor_has_the_sum_that_is_written_beside_it() -> None:
    said = VENDOR.joinpath("README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256(VENDOR.joinpath(EDITOR).read_bytes()).hexdigest()
    assert re.findall(r"`([0-9a-f]{64})`", said) == [digest]


def test_every_package_in_it_is_named_with_its_version_and_licence() -> None:
    said = VENDOR.joinpath("README.md").read_text(encoding="utf-8")
    licences = VENDOR.joinpath("LICENSE.codemirror").read_text(encoding="utf-8")
    lock = json.loads(VENDOR.joinpath("package-lock.json").read_text(encoding="utf-8"))
    packages = {
        path.removeprefix("node_modules/"): package
        for path, package in lock["packages"].items()
        if path and not package.get("dev")
    }
    assert len(packages) > 10
    for name, package in packages.items():
        assert f"| {name} | {package['version']} |" in said
        assert package["license"] == "MIT" and package["integrity"].startswith("sha512-")
        assert name in licences


def test_the_page_has_all_that_it_asks_for() -> None:
    files = assets()
    page = resources.files("tcpexp.lab").joinpath("page", "lab.html").read_text(encoding="utf-8")
    named = set(re.findall(r'"\{static\}/([\w.]+)"', page))
    for name, (content, _) in files.items():
        if name.endswith(".js"):
            named |= set(re.findall(r'(?:from|import)\s*\(?"\./([\w.]+)"', content.decode()))
    assert named <= set(files)
    assert {"lab.js", "codemirror.min.js", "panels.js"} <= named
    assert len(version()) == 16


def test_the_colours_are_the_reports() -> None:
    assert colours().count("--paper:") == 2 and "prefers-color-scheme: dark" in colours()
