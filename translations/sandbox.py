"""Shuts the calling process in: no network, no core dump, no new privileges. Linux only; elsewhere it says that the network is open.

Call `enter()` first thing in a fresh process, while it has one thread: a user namespace cannot be made later, and a filter binds only the
calling thread and those it starts. Two walls, both put up where the machine allows: a network namespace without any interface (refused
inside many containers), and a seccomp filter (which also closes what a namespace leaves open: Unix sockets in the file system).
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from enum import StrEnum

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW = 0x7FFF0000
_RET_EPERM = 0x00050000 | 1
_RET_KILL = 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCH = 0, 4
"""Offsets in struct seccomp_data."""
_X32 = 0x40000000
"""Calls of the x32 kind begin here; x86_64 has none of its own above, so all are refused there."""

# machine -> (AUDIT_ARCH, numbers of: socket, connect, bind, sendto, sendmsg, sendmmsg, socketpair, io_uring_setup/enter/register,
# and what could take a socket or memory from another process: ptrace, process_vm_readv/writev, pidfd_getfd). asm/unistd.h, 6.x.
_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 49, 44, 46, 307, 53, 425, 426, 427, 101, 310, 311, 438)),
    "aarch64": (0xC00000B7, (198, 203, 200, 206, 211, 269, 199, 425, 426, 427, 117, 270, 271, 438)),
}


class Network(StrEnum):
    """What keeps the process off the network; `namespace` has the filter too, where the machine has one."""

    NAMESPACE = "namespace"
    SECCOMP = "seccomp"
    OPEN = "open"


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def enter() -> Network:
    """Never raises: a machine without these means gets a process that says `open`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return Network.OPEN
    namespace = unshare_network()
    no_core_dump()  # after it: a new namespace may set this back
    seccomp = deny_sockets()
    if namespace:
        return Network.NAMESPACE
    return Network.SECCOMP if seccomp else Network.OPEN


def no_core_dump() -> None:
    """RLIMIT_CORE alone does not stop a core that is piped to a program (man 5 core); this does, and keeps others of the same user out."""
    _prctl(_PR_SET_DUMPABLE, 0)


def unshare_network() -> bool:
    """Moves the process into a user and a network namespace of its own. False: the machine refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def deny_sockets() -> bool:
    """Every socket call fails with EPERM from here on. False: unknown machine, or the kernel has no filters."""
    if platform.machine() not in _CALLS:
        return False
    code = _filter(*_CALLS[platform.machine()])
    program = _Program(len(code) // 8, code)
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) and _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _prctl(option: int, first: int, second: int = 0) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_ulong(value) for value in (first, second, 0, 0))
    return bool(libc.prctl(ctypes.c_int(option), *arguments) == 0)


def _filter(arch: int, denied: Sequence[int]) -> bytes:
    """Classic BPF: another architecture kills, a denied number or one of the x32 kind gets EPERM, all else passes."""
    tests = [(_AT_LEAST, _X32), *((_EQUAL, number) for number in denied)]
    checks = [(test, len(tests) - at, 0, value) for at, (test, value) in enumerate(tests)]
    steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _RET_KILL),
        (_LOAD, 0, 0, _NUMBER),
        *checks,
        (_RETURN, 0, 0, _RET_ALLOW),
        (_RETURN, 0, 0, _RET_EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
