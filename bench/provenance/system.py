"""Files in which the system describes itself."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def read(path: Path) -> str | None:
    """The stripped content of a system file, or None where there is none or it is not for us."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def cpuinfo(field: str) -> str | None:
    """What the system says of the first processor under ``field``, such as ``model name``."""
    for line in (read(_CPUINFO) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return None
