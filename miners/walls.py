# SPDX-License-Identifier: Apache-2.0
"""What a process can put around itself before it touches somebody else's bytes.

Each wall is raised where the kernel permits it, and `Walls.raised` says which ones stand:

    namespaces   own users, mounts, network, IPC and host name; then an empty directory becomes
                 the root: there is no file, and no interface to send through
    landlock     no path may be opened, listed, made or removed, no port bound or dialled, nobody
                 else signalled
    seccomp      only the system calls that computing needs; everything else fails with EPERM
    limits       memory, CPU time, file size, open files, processes (every kernel has these)

Linux only, apart from the limits. Called by the sandbox's child, single-threaded, never here.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

NAMESPACES, LANDLOCK, SECCOMP, LIMITS = "namespaces", "landlock", "seccomp", "limits"
ALL = (NAMESPACES, LANDLOCK, SECCOMP, LIMITS)

_CLONE = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000  # mnt uts ipc user net
_MS_PRIVATE_REC = 1 << 18 | 1 << 14
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SIGKILL = 9
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same numbers on every architecture
_EPERM = 1
_RET_ERRNO, _RET_ALLOW, _RET_KILL = 0x00050000, 0x7FFF0000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of classic BPF
_X32 = 0x40000000

# name -> (x86_64, aarch64). What CPython, numpy and onnxruntime use
# between reading their input and writing their output, with one thread and nothing to open.
_CALLS: dict[str, tuple[int, int]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62),
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "mremap": (25, 216), "madvise": (28, 233),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "tgkill": (234, 131), "getpid": (39, 172), "gettid": (186, 178),
    "exit": (60, 93), "exit_group": (231, 94), "restart_syscall": (219, 128),
    "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "getcpu": (309, 168), "set_robust_list": (273, 99), "rseq": (334, 293),
    "membarrier": (324, 283), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101), "gettimeofday": (96, 169), "times": (100, 153),
    "getrandom": (318, 278), "getrusage": (98, 165), "sysinfo": (99, 179), "uname": (63, 160),
}  # fmt: skip
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


class Walls:
    """Raises walls one after the other; a wall that the kernel refuses is not in `raised`."""

    def __init__(self, wanted: tuple[str, ...] = ALL) -> None:
        self._wanted = wanted
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._has_namespaces = False
        self.raised: list[str] = []

    def before_imports(self) -> None:
        """New namespaces: only a process without threads may enter them. Also: die with the
        parent, and never gain a privilege again.
        """
        libc = self._libc
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if NAMESPACES in self._wanted:
            self._has_namespaces = libc.unshare(_CLONE) == 0

    def after_imports(self, empty: Path, limits: Mapping[int, int]) -> list[str]:
        """Everything else, the strictest last; returns the names of the walls that stand."""
        self._try(NAMESPACES, lambda: self._change_root(empty))
        self._try(LANDLOCK, self._landlock)
        if LIMITS in self._wanted:
            for name, limit in limits.items():
                resource.setrlimit(name, (limit, limit))
            self.raised.append(LIMITS)
        self._try(SECCOMP, self._seccomp)
        return self.raised

    def _try(self, name: str, raise_it: Callable[[], bool]) -> None:
        if name not in self._wanted or self._libc is None:
            return
        try:
            stands = raise_it()
        except OSError:
            stands = False
        if stands:
            self.raised.append(name)

    def _change_root(self, empty: Path) -> bool:
        libc = self._libc
        assert libc is not None  # _try comes here only then
        if not self._has_namespaces or libc.mount(b"none", b"/", None, _MS_PRIVATE_REC, None):
            return False
        os.chroot(empty)
        os.chdir("/")
        return True

    def _landlock(self) -> bool:
        libc = self._libc
        assert libc is not None
        version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
        if version < 1:
            return False
        # Handled and never granted: forbidden. Newer kernels know more kinds of access.
        files = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
        words = [files, 3, 3][: 1 if version < 4 else 2 if version < 6 else 3]
        ruleset = struct.pack(f"={len(words)}Q", *words)
        handle = libc.syscall(_LANDLOCK_CREATE, ruleset, len(ruleset), 0)
        if handle < 0:
            return False
        try:
            return bool(libc.syscall(_LANDLOCK_RESTRICT, handle, 0) == 0)
        finally:
            os.close(handle)

    def _seccomp(self) -> bool:
        libc, known = self._libc, _ARCHITECTURES.get(platform.machine())
        assert libc is not None
        if known is None or sys.byteorder != "little":
            return False
        architecture, column = known
        program = filter_program(architecture, [n[column] for n in _CALLS.values()])
        code = ctypes.create_string_buffer(program)
        header = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(code))
        return bool(libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0) == 0)


def filter_program(architecture: int, allowed: list[int]) -> bytes:
    """Classic BPF: another architecture kills, an allowed number passes, the rest gets EPERM."""
    count = len(allowed)

    def line(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, k)

    lines = [
        line(_LOAD, 4),  # the architecture
        line(_JUMP_EQUAL, architecture, 1, 0),
        line(_RETURN, _RET_KILL),
        line(_LOAD, 0),  # the number
        line(_JUMP_AT_LEAST, _X32, count, 0),  # the same calls by other numbers: refused
        *[line(_JUMP_EQUAL, n, count - i, 0) for i, n in enumerate(allowed)],
        line(_RETURN, _RET_ERRNO | _EPERM),
        line(_RETURN, _RET_ALLOW),
    ]
    return b"".join(lines)
