"""Unexpected errors: one sentence with the place of the traceback, and never a verdict."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path

from impls.parameters import read_only_hint

TRACEBACK = "MLPBENCH_TRACEBACK"
"""Set to anything, it prints the traceback of an unexpected error."""
_ERRORS_OF_OUTPUT = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EPIPE, errno.EAGAIN}


def described(error: BaseException) -> str:
    """Return the kind of an error, its text, and the line of code that raised it."""
    if isinstance(error, SystemExit):
        what = f"sys.exit({error.code!r}) was called"
    else:
        text = " ".join(str(error).split())
        what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{what}{where}{read_only_hint(error)}"


def where_traced(error: BaseException) -> str:
    """Return where the traceback of ``error`` is, in words.

    It is kept in a file, since the same error need not come again; where the variable
    ``MLPBENCH_TRACEBACK`` is set or no file can be written, it is the text itself.
    """
    trace = "".join(traceback.format_exception(error))
    if os.environ.get(TRACEBACK):
        return f"\n{trace}"
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="mlpbench-traceback-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write(trace)
    except OSError:
        return f"\n{trace}"
    return f"Traceback: {file.name} ({TRACEBACK}=1 prints it)."


def escape_output() -> None:
    """Let characters that the terminal's encoding lacks be printed as escapes, not raise."""
    for stream in (sys.stdout, sys.stderr):
        # A stream is None where the shell closed it; a stand-in may have no encoding at all.
        if getattr(stream, "errors", None) in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # checked above


def is_of_output(error: BaseException) -> bool:
    """Return whether ``error`` is that printing failed, such as on a full device."""
    return (
        isinstance(error, OSError) and error.filename is None and error.errno in _ERRORS_OF_OUTPUT
    )


def abandon_output() -> None:
    """Drop what the output did not take, or the interpreter fails over it once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        except AttributeError:
            continue  # the shell closed it
