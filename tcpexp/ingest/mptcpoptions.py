"""MPTCP's options (RFC 8684 section 3) to columns, many packets at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcpexp.ingest.pcap import Bytes, Int64, UnusualCaptureError, headers_at

#: By subtype (RFC 8684 section 8.2).
SUBTYPES = (
    "MP_CAPABLE",
    "MP_JOIN",
    "DSS",
    "ADD_ADDR",
    "REMOVE_ADDR",
    "MP_PRIO",
    "MP_FAIL",
    "MP_FASTCLOSE",
    "MP_TCPRST",
)
_CAPABLE, _JOIN, _DSS = 0, 1, 2
#: MP_CAPABLE of a SYN-ACK, and of the ACKs that follow, has its sender's key.
_CAPABLE_WITH_KEY = (12, 20, 22, 24)
#: From this length on it also maps the payload: the data that comes with it is the first.
_CAPABLE_WITH_DATA = 22
_JOIN_SYN = 12
#: Flags of DSS: DATA_ACK present, of 8 bytes; mapping present, its number of 8 bytes.
_HAS_ACK, _LONG_ACK, _HAS_MAP, _LONG_NUMBER = 1, 2, 4, 8
_MASK = 0xFFFFFFFF
_WORD, _KEY = np.dtype([("value", ">u4")]), np.dtype([("value", ">u8")])


def token_of(key: int) -> int:
    """Return the token of a key: the first 32 bits of its SHA-256 (RFC 8684 section 3.2)."""
    return int.from_bytes(hashlib.sha256(key.to_bytes(8, "big")).digest()[:4], "big")


def first_number_of(key: int) -> int:
    """Return the initial data sequence number of a key, its lower 32 bits: the last ones of its
    SHA-256 (RFC 8684 section 3.1).
    """
    return int.from_bytes(hashlib.sha256(key.to_bytes(8, "big")).digest()[-4:], "big")


def words_of(bits: int) -> str | None:
    """Return the names of the subtypes whose bits are set, joined; None without any."""
    names = [name for subtype, name in enumerate(SUBTYPES) if bits >> subtype & 1]
    return " ".join(names) or None


@dataclass(frozen=True)
class MptcpOptions:
    """A column per number, -1 without it.

    ``subtypes`` has a bit for each subtype. ``number`` is the data sequence number that stands for
    the subflow's sequence number ``at`` (relative: 1 is the first byte), lower 32 bits.
    """

    subtypes: Int64
    token: Int64
    number: Int64
    at: Int64
    data_ack: Int64

    @classmethod
    def none(cls, count: int) -> MptcpOptions:
        """Return the columns of packets without any."""
        token, number, at, data_ack = (np.full(count, -1, dtype=np.int64) for _ in range(4))
        return cls(np.zeros(count, dtype=np.int64), token, number, at, data_ack)

    def take(self, data: Bytes, rows: Int64, at: Int64, length: Int64) -> None:
        """Read one option of each of ``rows``, which begins at ``at``.

        Raises ``UnusualCaptureError`` for one that cannot be right.
        """
        if (length < 3).any():
            raise UnusualCaptureError("an MPTCP option whose length cannot be right")
        subtype = (data[at + 2] >> 4).astype(np.int64)
        self.subtypes[rows] |= 1 << subtype
        for number, read in ((_CAPABLE, self._capable), (_JOIN, self._join), (_DSS, self._dss)):
            which = subtype == number
            if which.any():
                read(data, rows[which], at[which], length[which])

    def _capable(self, data: Bytes, rows: Int64, at: Int64, length: Int64) -> None:
        which = np.isin(length, _CAPABLE_WITH_KEY)
        keys = headers_at(data, at[which] + 4, _KEY)["value"]
        for row, key, size in zip(
            rows[which].tolist(), keys.tolist(), length[which].tolist(), strict=True
        ):
            self.token[row] = token_of(key)
            if size >= _CAPABLE_WITH_DATA:
                self.number[row] = (first_number_of(key) + 1) & _MASK
                self.at[row] = 1

    def _join(self, data: Bytes, rows: Int64, at: Int64, length: Int64) -> None:
        which = length == _JOIN_SYN
        self.token[rows[which]] = headers_at(data, at[which] + 4, _WORD)["value"]

    def _dss(self, data: Bytes, rows: Int64, at: Int64, length: Int64) -> None:
        if (length < 4).any():
            raise UnusualCaptureError("a DSS option whose length cannot be right")
        flags = data[at + 3].astype(np.int64)
        has_ack, has_map = (flags & _HAS_ACK) > 0, (flags & _HAS_MAP) > 0
        ack_size = np.where(has_ack, np.where(flags & _LONG_ACK, 8, 4), 0)
        number_size = np.where(has_map, np.where(flags & _LONG_NUMBER, 8, 4), 0)
        if (length < 4 + ack_size + number_size + np.where(has_map, 6, 0)).any():
            raise UnusualCaptureError("a DSS option whose length cannot be right")
        self.data_ack[rows[has_ack]] = _last_word(data, at + 4 + ack_size, has_ack)
        begin = at + 4 + ack_size + number_size
        self.number[rows[has_map]] = _last_word(data, begin, has_map)
        self.at[rows[has_map]] = headers_at(data, begin[has_map], _WORD)["value"]


def _last_word(data: Bytes, end: Int64, which: NDArray[np.bool_]) -> Int64:
    """Return the 32 bits before ``end`` of those rows: of a longer number its lower half."""
    values: Int64 = headers_at(data, end[which] - 4, _WORD)["value"].astype(np.int64)
    return values
