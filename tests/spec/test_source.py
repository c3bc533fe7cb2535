"""Everything that can be wrong with a spec's file, before what is wrong in it."""

import os

import pytest

from tcpexp.errors import SpecErrors
from tcpexp.spec.source import MAX_FILE_BYTES, load_source


def refused(path):
    with pytest.raises(SpecErrors) as caught:
        load_source(path)
    (error,) = caught.value.errors
    assert error.hint
    return f"{error.where} {error.message}".replace(str(path), "FILE")


def test_missing_file(tmp_path):
    assert refused(tmp_path / "no.yaml") == "FILE:1:1 there is no such file"


def test_folder(tmp_path):
    assert refused(tmp_path) == "FILE:1:1 this is a folder, not a spec"


def test_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "FILE:1:1 this is not a regular file"


def test_empty_file(tmp_path):
    (tmp_path / "a.yaml").write_text("")
    assert refused(tmp_path / "a.yaml") == "FILE:1:1 the file is empty"


def test_binary_file(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\x7fELF\0\0")
    assert "binary" in refused(tmp_path / "a.yaml")


def test_other_encoding_names_the_byte(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"name: x\ntitle: caf\xe9\n")
    assert refused(tmp_path / "a.yaml") == "FILE:2:11 the byte 0xe9 is not UTF-8"


def test_large_file_is_not_read(tmp_path):
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(10 * MAX_FILE_BYTES)
    assert "10.0 MB" in refused(path)


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\n")
    assert load_source(path).raw == {"name": "x"}


def test_place_of_a_missing_value_is_that_of_what_surrounds_it(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("links:\n  h1-h2: {rate: 1mbit}\n")
    source = load_source(path)
    assert str(source.place("links", "h1-h2", "delay")).endswith(":2:10")
    assert str(source.place("links", "h1-h2", "rate", key=True)).endswith(":2:11")
    assert source.raw_at("links", "h1-h2", "rate") == "1mbit"
    assert source.raw_at("links", "h1-h2", "rate", "x") is None
