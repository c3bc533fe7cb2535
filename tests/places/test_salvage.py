"""Socket dumps of a guest that died are written out on this machine."""

from __future__ import annotations

import socket

from tcpexp.engine.sockets import open_diag, sockets_sample
from tcpexp.ingest.ss import parse_ss
from tcpexp.places.salvage import write_out_sockets


def dump(raw, name, times):
    folder = raw / "ss"
    folder.mkdir(exist_ok=True)
    netlink = open_diag()
    take = sockets_sample(1, netlink, folder / f"{name}.nl").take
    for t_ns in times:
        take(t_ns)
    netlink.close()
    return folder / f"{name}.nl"


def test_whole_snapshots_of_a_cut_dump_become_text(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path = dump(tmp_path, "h1", [1000, 2000, 3000])
        path.write_bytes(path.read_bytes()[:-7])
        assert write_out_sockets(tmp_path) == []
        rows = parse_ss((tmp_path / "ss" / "h1.txt").read_text(), "h1")
    listening = rows.filter((rows["state"] == "listen") & (rows["local_port"] == port))
    assert sorted(set(rows["t_ns"])) == [1000, 2000]
    assert listening.height == 2
    assert [path.name for path in (tmp_path / "ss").iterdir()] == ["h1.txt"]


def test_what_the_guest_wrote_itself_is_kept(tmp_path):
    dump(tmp_path, "h1", [1000])
    (tmp_path / "ss" / "h1.txt").write_text("# t_ns=1\n")
    assert write_out_sockets(tmp_path) == []
    assert (tmp_path / "ss" / "h1.txt").read_text() == "# t_ns=1\n"
    assert not (tmp_path / "ss" / "h1.nl").exists()


def test_a_dump_that_cannot_be_read_stays(tmp_path, monkeypatch):
    path = dump(tmp_path, "h1", [1000])
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = write_out_sockets(tmp_path)
    assert "h1.nl" in problem and path.exists()


def test_a_run_without_snapshots_has_nothing_to_write(tmp_path):
    assert write_out_sockets(tmp_path) == []
