"""Runs one command and ends it when the starter goes away.

Started as a script by `tools.guarded_process`, never imported: `guardian.py STOP_SIGNAL GRACE_S USER COMMAND…`.

- stdin is a pipe whose other end only the starter holds: end of file means that the starter closed it or died.
- stdout gets one line, the command's process id; the command itself writes to the inherited stderr.
- USER is `same` or `ordinary`: `ordinary` gives a command started by root a user namespace in which it is an ordinary
  user that owns root's files, for programs that refuse to run as root.
- The exit status is the command's (256 - signal number when a signal ended it).

Should the guardian itself be killed, the kernel sends STOP_SIGNAL to the command (`PR_SET_PDEATHSIG`).
"""

import ctypes
import os
import select
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
ORDINARY_ID = 1000


def main() -> int:
    """Run the command until it ends or the starter is gone; return its exit status."""
    stop_signal, grace_s, user = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    child = os.fork()
    if child == 0:
        become_command(sys.argv[4:], stop_signal, ordinary=user == "ordinary")
    os.write(1, f"{child}\n".encode())
    os.close(1)
    ended = os.pidfd_open(child)
    readable, _, _ = select.select([0, ended], [], [])
    if ended not in readable:
        end(child, ended, stop_signal, grace_s)
    signal_group(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256


def become_command(command: list[str], stop_signal: int, *, ordinary: bool) -> None:
    """Turn this forked process into the command."""
    guardian = os.getppid()
    os.setsid()
    if ordinary and os.geteuid() == 0:
        leave_root()
    # After the change of identity, which clears it.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != guardian:
        os._exit(1)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error}\n")
        os._exit(127)


def leave_root() -> None:
    """Move into a user namespace in which root is an ordinary user."""
    group = os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        reason = os.strerror(ctypes.get_errno())
        sys.stderr.write(f"this machine allows no user namespace ({reason}): run as an ordinary user, not as root\n")
        os._exit(126)
    for file, mapping in (
        ("setgroups", "deny"),
        ("uid_map", f"{ORDINARY_ID} 0 1"),
        ("gid_map", f"{ORDINARY_ID} {group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as kernel:  # noqa: PTH123 - runs before site-packages and pathlib
            kernel.write(mapping)


def end(child: int, ended: int, stop_signal: int, grace_s: float) -> None:
    """End the child, with patience first; `ended` is its process descriptor."""
    for number, patience_s in ((stop_signal, grace_s), (signal.SIGKILL, None)):
        signal_group(child, number)
        if select.select([ended], [], [], patience_s)[0]:
            return


def signal_group(child: int, number: int) -> None:
    """Signal the child's process group."""
    # The child is not yet reaped, so its id still names it; before its setsid there is no group of that id.
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        os.kill(child, number)


if __name__ == "__main__":
    sys.exit(main())
