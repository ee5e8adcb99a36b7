"""without_ipv6.py COMMAND...: run it where the kernel has no IPv6, as `ipv6.disable=1` leaves it.

A seccomp filter answers socket(AF_INET6, …) with EAFNOSUPPORT. That wants no root, and holds for all children.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

NR_SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # classic BPF
AT_NUMBER, AT_FIRST_ARGUMENT = 0, 16  # in struct seccomp_data, little end first

# code, how many to skip if true, if false, operand
FILTER = [
    (LOAD_WORD, 0, 0, AT_NUMBER),
    (JUMP_IF_EQUAL, 0, 3, NR_SOCKET),
    (LOAD_WORD, 0, 0, AT_FIRST_ARGUMENT),
    (JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
    (RETURN, 0, 0, RET_ERRNO | errno.EAFNOSUPPORT),
    (RETURN, 0, 0, RET_ALLOW),
]


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main(command: list[str]) -> None:
    """Become the command, without IPv6."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(FILTER), b"".join(struct.pack("HBBI", *line) for line in FILTER))
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
