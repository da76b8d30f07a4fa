"""Server framing of RFC 6455: frames are made here so that a batch is one system call."""

from __future__ import annotations

import zlib

TEXT, BINARY = 0x81, 0x82
_COMPRESSED = 0x40
_SHORT, _MEDIUM = 126, 65536


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return the header of an unmasked, unfragmented server frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < _SHORT:
        return bytes((opcode, size))
    if size < _MEDIUM:
        return bytes((opcode, 126)) + size.to_bytes(2, "big")
    return bytes((opcode, 127)) + size.to_bytes(8, "big")


def bomb(size_bytes: int) -> tuple[bytes, int]:
    """Return a deflated text of so many spaces and the opcode of a compressed frame (RFC 7692 section 7.2)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b" " * size_bytes) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4], TEXT | _COMPRESSED
