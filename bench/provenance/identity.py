"""Which machine this is, without saying whose: hashes, the job's allocation, the user's permission.

Two hosts of one kind are two machines.  What identifies one is hashed together with the name of
this project, so that the result cannot be joined with the records of another program.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from bench.provenance import system
from bench.provenance.records import Allocation

HOSTNAME = "MLPBENCH_HOSTNAME"
"""The variable that lets the name of the host be recorded: set to 1."""
KIND = "MLPBENCH_KIND"
"""The variable in which a submitted job finds the kind of machine that was asked for."""

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_BOARD = Path("/sys/class/dmi/id")
_BOARD_FACTS = ("product_uuid", "board_serial", "product_serial")
_DEVICE_TREE = Path("/sys/firmware/devicetree/base/serial-number")
_NODES = Path("/sys/devices/system/node")
_PLACEHOLDERS = frozenset(
    {
        "", "0", "none", "n/a", "na", "default string", "not specified", "uninitialized",
        "to be filled by o.e.m.", "system serial number",
    }
)  # fmt: skip
"""What firmware holds where nobody filled in a serial number."""


def machine_id() -> str | None:
    """The installation of the operating system, as 16 hexadecimal digits; any user may read it."""
    raw = next((text for path in _MACHINE_IDS if (text := system.read(path))), None)
    return _hashed("machine", raw) if raw and raw != "uninitialized" else None


def board_id() -> str | None:
    """The main board, as 16 hexadecimal digits; commonly only root may read what it is made of.

    Apart from :func:`machine_id`, so that a machine has one identity for root and for others.
    """
    facts = [system.read(_BOARD / name) or "" for name in _BOARD_FACTS]
    facts.append((system.read(_DEVICE_TREE) or "").rstrip("\0"))
    usable = [fact for fact in facts if not _is_placeholder(fact)]
    return _hashed("board", "\n".join(usable)) if usable else None


def hostname(environment: Mapping[str, str]) -> str | None:
    """Return the name of the host, where the user's ``environment`` lets it be recorded."""
    return socket.gethostname() if environment.get(HOSTNAME) == "1" else None


def microcode() -> str | None:
    """Return the revision of the first processor's microcode, such as ``0x1000065``."""
    return system.cpuinfo("microcode")


def numa_nodes() -> int | None:
    """Return how many nodes the memory is divided into; None where the system does not tell."""
    return sum(1 for _ in _NODES.glob("node[0-9]*")) or None


def allocation(environment: Mapping[str, str]) -> Allocation | None:
    """Return the SLURM job of which ``environment`` tells, or None outside of one."""
    job = environment.get("SLURM_JOB_ID")
    if not job:
        return None
    array, task = (environment.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    restarts = environment.get("SLURM_RESTART_COUNT", "0")
    return Allocation(
        scheduler="slurm",
        job=f"{array}_{task}" if array and task else job,
        node=environment.get("SLURMD_NODENAME", ""),
        partition=environment.get("SLURM_JOB_PARTITION", ""),
        constraint=environment.get(KIND, ""),
        restarts=int(restarts) if restarts.isdecimal() else 0,
    )


def _is_placeholder(fact: str) -> bool:
    return fact.lower() in _PLACEHOLDERS or not re.sub(r"[0fF\s.-]", "", fact)


def _hashed(what: str, text: str) -> str:
    return hashlib.sha256(f"mlpbench {what} {text}".encode()).hexdigest()[:16]
