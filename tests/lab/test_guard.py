"""Nobody but the laboratory's own page, in a browser that came by its link, gets anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tcpexp.errors import SpecError
from tcpexp.lab.app import Lab
from tcpexp.lab.config import LARGEST_REQUEST_BYTES, LabConfig, check_address
from tests.support.labs import HERE, PORT, LabClient, make_lab

RUN = {"spec": "one_loss", "tab": "1"}


@pytest.fixture
def stranger(lab: LabClient) -> TestClient:
    """A browser without the link."""
    return TestClient(lab.lab.app(), base_url=HERE)


@pytest.mark.parametrize(
    "path",
    ["/", "/api/shelf", "/api/history", "/api/schema", "/api/events?tab=1", "/api/view/1",
     "/runs/a/b/report.html", "/api/notes?run=a/b", "/api/search?q=syn"],
)  # fmt: skip
def test_without_the_link_there_is_nothing(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("path", ["run", "stop", "show", "examine", "confirm", "notes"])
def test_without_the_link_nothing_is_done(stranger: TestClient, path: str) -> None:
    answer = stranger.post(f"/api/{path}", json=RUN, headers={"origin": HERE})
    assert answer.status_code == 401


def test_the_link_gives_a_cookie_that_scripts_and_other_sites_do_not_see(lab: LabClient) -> None:
    browser = TestClient(lab.lab.app(), base_url=HERE, follow_redirects=False)
    answer = browser.get(f"/?token={lab.lab.config.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert lab.lab.config.token.lower() not in cookie


def test_a_wrong_token_is_refused(stranger: TestClient) -> None:
    assert stranger.get("/?token=guess").status_code == 403


def test_a_cookie_that_was_not_given_here_is_none(lab: LabClient, stranger: TestClient) -> None:
    for value in ("me", "me.", "me." + "0" * 40, ".", "ü.x"):
        stranger.cookies.set(lab.lab.sessions.cookie, value.encode("ascii", "ignore").decode())
        assert stranger.get("/api/shelf").status_code == 401
        stranger.cookies.clear()


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "localhost", "localhost:1", f"localhost.evil:{PORT}",
     f"127.0.0.2:{PORT}", ""],
)  # fmt: skip
def test_a_name_that_leads_here_is_not_this_server(lab: LabClient, host: str) -> None:
    assert lab.get("/api/shelf", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"127.0.0.1:{PORT}", f"[::1]:{PORT}"])
def test_its_own_names_are(lab: LabClient, host: str) -> None:
    cookie = lab.client.cookies.get(lab.lab.sessions.cookie)
    headers = {"host": host, "cookie": f"{lab.lab.sessions.cookie}={cookie}"}
    assert lab.get("/api/shelf", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://localhost:{PORT}", "http://localhost:1"]
)
def test_another_origin_may_not_even_read(lab: LabClient, origin: str) -> None:
    assert lab.get("/api/shelf", headers={"origin": origin}).status_code == 403
    assert lab.post("/api/run", RUN, origin=origin).status_code == 403


def test_who_does_not_say_where_a_request_comes_from_changes_nothing(lab: LabClient) -> None:
    assert lab.client.post("/api/run", json=RUN).status_code == 403
    assert not lab.lab.bench.runs.waiting


def test_a_form_of_another_page_is_no_request(lab: LabClient) -> None:
    headers = {"origin": HERE, "content-type": "text/plain"}
    assert lab.client.post("/api/run", content=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_fetches_for_another_site_is_refused(lab: LabClient, site: str) -> None:
    def fetched(path: str, mode: str) -> int:
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
        return int(lab.get(path, headers=headers).status_code)

    assert fetched("/api/shelf", "no-cors") == 403
    assert fetched("/runs/a/b/report.html", "navigate") == 403
    assert fetched("/", "navigate") == 200  # a link that somebody follows


@pytest.mark.parametrize("length", [LARGEST_REQUEST_BYTES + 1, LARGEST_REQUEST_BYTES * 10])
def test_a_request_that_is_too_large_is_not_read(lab: LabClient, length: int) -> None:
    assert lab.post("/api/examine", {"text": "x" * length}).status_code == 413


def test_a_body_without_length_ends_too(lab: LabClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(LARGEST_REQUEST_BYTES // 60_000 + 2):
            yield b"x" * 60_000

    headers = {"origin": HERE, "content-type": "application/json"}
    answer = lab.client.post("/api/examine", content=endless(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_said_to_be_none(lab: LabClient, body: bytes) -> None:
    headers = {"origin": HERE, "content-type": "application/json"}
    answer = lab.client.post("/api/examine", content=body, headers=headers)
    assert answer.status_code == 400


def test_the_page_may_run_its_own_scripts_only(lab: LabClient) -> None:
    answer = lab.get("/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "default-src 'none'" in policy
    assert "<script>" not in answer.text and "onclick" not in answer.text
    assert "http://" not in answer.text and "https://" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_a_class_listens_where_others_are() -> None:
    check_address("127.0.0.1", whole_class=False)
    check_address("192.0.2.7", whole_class=True)
    for host, whole_class in (("192.0.2.7", False), ("0.0.0.0", True), ("::", True), ("x", True)):
        with pytest.raises(SpecError):
            check_address(host, whole_class=whole_class)


def test_a_name_before_a_class_is_known_with_tls_before_it(tmp_path: Path) -> None:
    config = LabConfig(tmp_path, host="192.0.2.7", port=PORT, names=("lab.example.org",))
    assert {"lab.example.org", f"192.0.2.7:{PORT}"} <= config.hosts
    assert f"localhost:{PORT}" not in config.hosts
    assert "https://lab.example.org" in config.origins
    assert "https://evil.example.org" not in config.origins


def test_one_laboratorys_cookie_opens_no_other(tmp_path: Path) -> None:
    one, other = make_lab(tmp_path), Lab(LabConfig(tmp_path, port=PORT))
    cookie = one.client.cookies.get(one.lab.sessions.cookie)
    assert other.sessions.find(cookie) is None
