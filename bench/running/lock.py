"""One measuring run per machine at a time.

Two would take processors, cache and clock from each other, and both would be wrong.  The lock is
the kernel's (flock(2)) on a file in one fixed folder, so it ends with its holder however that
ends.  The file names the holder, for the message to a second run.

The folder must be the same for all users, whatever ``TMPDIR`` each of them has: it is the first of
:data:`PLACES` that everybody may write to.  Containers of one machine that do not share it do not
know of each other.  ``MLPBENCH_LOCK_DIR`` names another one, such as for tests.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from impls.errors import BusyError, LockError

NAME = "mlpbench.lock"
FOLDER = "MLPBENCH_LOCK_DIR"
PLACES = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 - no other is the same for all users
_FOR_ALL = 0o666
_MOST_BYTES = 4096


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who measures: process id, user, what it does, and since when (ISO 8601)."""

    pid: int
    user: str
    command: str
    since: str


@contextmanager
def measuring(what: str, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine for measuring; ``what`` is said to others who want it meanwhile.

    ``folder`` is where the lock lies, by default :func:`place`.

    Raises:
        BusyError: another process measures.
        LockError: the lock's file cannot be used.
    """
    file = _open((folder or place()) / NAME)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read_holder(file)
            stop = f", or stop it with 'kill -INT {holder.pid}'" if holder else ""
            raise BusyError(
                f"{_in_words(holder)}. Two runs at once would slow each other down and give wrong "
                f"results: wait for its end{stop}."
            ) from error
        now = dt.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        ours = Holder(pid=os.getpid(), user=_user(), command=what, since=now)
        os.ftruncate(file, 0)
        os.pwrite(file, msgspec.json.encode(ours), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def place() -> Path:
    """Return the folder of the lock: the same for all users of a machine, unless one is named."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    return next(filter(_is_for_all, PLACES), Path(tempfile.gettempdir()))


def measured_by(folder: Path | None = None) -> str:
    """Return who is measuring on this machine, in words; empty where nobody is."""
    path = (folder or place()) / NAME
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""  # nobody holds what is not there, or what nobody can open
    try:
        # Whoever ended by force left its name.  Only then is the lock tried, for a moment.
        if not os.pread(file, 1, 0):
            return ""
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _in_words(_read_holder(file))
    except OSError:
        return ""  # a folder or a pipe holds nothing
    finally:
        os.close(file)
    return ""


def _is_for_all(folder: Path) -> bool:
    """Return whether every user may make files in ``folder``."""
    try:
        mode, flags = folder.stat().st_mode, os.statvfs(folder).f_flag
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & 0o777 == 0o777 and not flags & os.ST_RDONLY


def _open(path: Path) -> int:
    """Return a descriptor of the lock's file, made for all users where there is none yet.

    Anyone may put anything into a temporary folder, so a link is not followed and only a plain
    file of one name is written.

    Raises:
        LockError: it is something else, or may not be opened.
    """
    # No O_CREAT at first: kernels refuse it for another user's file in a folder like /tmp.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        try:
            file = os.open(path, flags)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                file = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FOR_ALL)
                # Against the umask: another user must be able to open it.
                os.fchmod(file, _FOR_ALL)
                return file
            file = os.open(path, flags)
    except OSError as error:
        raise LockError(
            f"cannot open the lock {path}: {error.strerror}. The lock prevents two runs at once: "
            f"remove it, or set {FOLDER} to a folder that all users of mlpbench may write to."
        ) from error
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(file)
        raise LockError(f"the lock {path} is not a plain file with one link: remove it.")
    return file


def _user() -> str:
    """Return the user's name, or number where the system has no name for it.

    It comes from a variable, so that it need not be UTF-8.
    """
    try:
        return getpass.getuser().encode(errors="backslashreplace").decode()
    except (OSError, KeyError):
        return str(os.getuid())


def _read_holder(file: int) -> Holder | None:
    """Return who holds the lock; None where that cannot be read.

    The other one may have the lock and not have written yet, or anyone may have overwritten it.
    """
    try:
        return msgspec.json.decode(os.pread(file, _MOST_BYTES, 0), type=Holder)
    except msgspec.DecodeError:
        return None


def _in_words(holder: Holder | None) -> str:
    if holder is None:
        return "another mlpbench is measuring on this machine"
    # Without control characters: anyone can write into the file.
    command, user, since = (
        "".join(filter(str.isprintable, text))
        for text in (holder.command, holder.user, holder.since)
    )
    return (
        f"this machine is measuring already: {command!r} of user {user}, process {holder.pid}, "
        f"since {since}"
    )
