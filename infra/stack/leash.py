"""Runs a command that ends when the process which started it ends.

Used as ``python leash.py SIGNAL [--uid N] [--keep-reach] -- COMMAND…``: asks the kernel to send SIGNAL when the
parent dies, then becomes the command. Linux only; elsewhere it is a plain exec. Standard library alone, and no
import from this project, so that it starts in milliseconds.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _keep_reach(libc: ctypes.CDLL) -> None:
    """Keeps the right to pass through closed folders (such as /root) after giving up root.

    PostgreSQL refuses to run as root, but its program and data may lie below a folder only root can enter.
    """
    header = _Header(LINUX_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)()
    libc.capget(ctypes.byref(header), sets)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        bit = 1 << capability
        if sets[0].permitted & bit:
            kept = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
            libc.capset(ctypes.byref(header), kept)
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return


def _become(uid: int, keep_reach: bool, libc: ctypes.CDLL | None) -> None:
    if libc and keep_reach:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    if libc and keep_reach:
        _keep_reach(libc)


def main() -> None:
    """Becomes the command.

    Raises:
        SystemExit: 127 when the command is not there, 143 when the parent died meanwhile.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("signal")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--keep-reach", action="store_true")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if args.uid is not None:
        _become(args.uid, args.keep_reach, libc)
    if libc:
        # After the change of user, because the kernel forgets the request at that moment.
        libc.prctl(PR_SET_PDEATHSIG, int(signal.Signals[args.signal]), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(143)
    with contextlib.suppress(FileNotFoundError):
        os.execvp(args.command[0], args.command)  # noqa: S606 - no shell is wanted.
    sys.exit(f"{args.command[0]} was not found")


if __name__ == "__main__":
    main()
