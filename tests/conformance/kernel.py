"""What the kernel knows of a connection: how much of what was sent the other end has not read yet.

Not here: waiting for it (sides.py). Source: sock_diag(7); /proc/net/tcp where that is not to be had.
Promise: looks at one IPv4 connection between two sockets of this machine, and changes nothing.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

Address = tuple[str, int]

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST: Final = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_READ_QUEUE_AT: Final = _HEADER.size + 4 + 48 + 4  # behind the state, the socket's id and its timer
_ANY: Final = 0xFFFFFFFF


def unread_bytes(reader: Address, sender: Address) -> int:
    """The bytes that lie at the reader's end of a connection; 0 when there is none."""
    try:
        return _by_netlink(reader, sender)
    except OSError:
        return _by_proc(reader, sender)


def _by_netlink(reader: Address, sender: Address) -> int:
    sides = [socket.inet_aton(host).ljust(16, b"\0") for host, _ in (reader, sender)]
    ports = struct.pack("!HH", reader[1], sender[1])
    asked = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY)
    asked += ports + b"".join(sides) + struct.pack("=III", 0, _ANY, _ANY)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as sock:
        size = _HEADER.size + len(asked)
        sock.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + asked)
        told = sock.recv(4096)
    if _HEADER.unpack_from(told)[1] != _SOCK_DIAG_BY_FAMILY:
        raise OSError("no such socket, or no such question")
    return int(struct.unpack_from("=I", told, _READ_QUEUE_AT)[0])


def _by_proc(reader: Address, sender: Address) -> int:
    wanted = f"{_as_proc(reader)} {_as_proc(sender)}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines():
        if wanted in line:
            return int(line.split()[4].partition(":")[2], 16)
    return 0


def _as_proc(address: Address) -> str:
    (packed,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{packed:08X}:{address[1]:04X}"
