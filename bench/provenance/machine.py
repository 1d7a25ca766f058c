"""What this machine is: the facts about hardware and software that belong beside every number.

Each fact is one function; one that cannot be read here is left empty rather than guessed.

Two hosts of one kind are two machines.  What identifies one is hashed together with the name of
this project, so that the result cannot be joined with the records of another program.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

import bench
from bench.planning.affinity import listed
from bench.planning.variables import recorded
from bench.provenance.records import Allocation, Machine
from impls.contract import Pool

PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "intel-cmplr-lib-rt", "keras", "tensorflow",
    "torch", "jax", "jaxlib", "scikit-learn", "pytest-benchmark", "threadpoolctl",
)  # fmt: skip
HOSTNAME = "MLPBENCH_HOSTNAME"
"""The variable that lets the name of the host be recorded: set to 1."""
KIND = "MLPBENCH_KIND"
"""The variable in which a submitted job finds the kind of machine that was asked for."""
CORETYPE = "OPENBLAS_CORETYPE"
"""The variable that names the kernels of OpenBLAS, which reads it when it is loaded."""
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
"""All that OpenBLAS asks of a processor before it takes such kernels (its cpuid_x86.c)."""
_HALF_AS_WIDE = ("Haswell", "Zen", "Sandybridge", "Excavator", "Nehalem", "Prescott")

_CPU = Path("/sys/devices/system/cpu")
_NODES = Path("/sys/devices/system/node")
_CGROUPS = Path("/sys/fs/cgroup")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_BOARD = Path("/sys/class/dmi/id")
_BOARD_FACTS = ("product_uuid", "board_serial", "product_serial")
_DEVICE_TREE = Path("/sys/firmware/devicetree/base/serial-number")
_PLACEHOLDERS = frozenset(
    {
        "", "0", "none", "n/a", "na", "default string", "not specified", "uninitialized",
        "to be filled by o.e.m.", "system serial number",
    }
)  # fmt: skip
"""What firmware holds where nobody filled in a serial number."""


def describe(environment: Mapping[str, str]) -> Machine:
    """Return the machine as this process sees it; ``environment`` is the user's."""
    return Machine(
        cpu=cpuinfo("model name") or platform.processor() or platform.machine(),
        logical_cpus=os.cpu_count() or 1,
        physical_cpus=physical_cpus(),
        usable_cpus=usable_cpus(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        caches=caches(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=package_versions(PACKAGES),
        environment=recorded(environment),
        quota_cpus=quota_cpus(),
        governor=read(_CPU / "cpu0/cpufreq/scaling_governor"),
        smt=smt(),
        turbo=turbo(),
        hypervisor=hypervisor(),
        clock_source=read(_CLOCK_SOURCE),
        vectors=vectors(cpu_flags()),
        id=machine_id(),
        board=board_id(),
        hostname=socket.gethostname() if environment.get(HOSTNAME) == "1" else None,
        microcode=cpuinfo("microcode"),
        numa_nodes=numa_nodes(),
        cpus=cpu_list(),
        cgroup=own_cgroup(),
        allocation=allocation(environment),
    )


def usable_cpus() -> int:
    """Return how many processors this process may run on: the affinity mask, not the machine."""
    return len(os.sched_getaffinity(0))


def cpu_list() -> str:
    """Return the processors of the affinity mask of this thread, such as ``0-3,6``."""
    return listed(os.sched_getaffinity(0))


def available_cpus(usable: int) -> int:
    """Return how many threads can run at once on ``usable`` processors under the quota.

    Two threads under a quota of 1.5 processors would be stopped for a quarter of the time, so the
    quota is rounded down; one thread is the least.
    """
    quota = quota_cpus()
    return usable if quota is None else max(1, min(usable, int(quota)))


def physical_cpus() -> int | None:
    """Return how many cores there are, counting hardware threads of one core once."""
    paths = _CPU.glob("cpu[0-9]*/topology/thread_siblings_list")
    siblings = {text for text in map(read, paths) if text}
    return len(siblings) or None


def caches() -> dict[str, str]:
    """Return the sizes of the first processor's caches, such as ``{"L2 Unified": "1024K"}``."""
    sizes = {}
    for index in sorted(_CPU.glob("cpu0/cache/index*")):
        level, kind, size = (read(index / name) for name in ("level", "type", "size"))
        if level and kind and size:
            sizes[f"L{level} {kind}"] = size
    return sizes


def smt() -> str | None:
    """Return whether cores run several hardware threads: on, off or notsupported, or None.

    Off may be forced (by firmware or boot option), which is off all the same.
    """
    control = read(_CPU / "smt/control")
    return "off" if control == "forceoff" else control


def turbo() -> str | None:
    """Return whether cores may run above their nominal frequency: on, off or None."""
    forbidden = read(_CPU / "intel_pstate/no_turbo")
    if forbidden in {"0", "1"}:
        return "off" if forbidden == "1" else "on"
    allowed = read(_CPU / "cpufreq/boost")
    return {"0": "off", "1": "on"}.get(allowed or "")


def hypervisor() -> str | None:
    """Return the hypervisor's kind, ``yes`` where only its presence shows, or None.

    Processors other than x86 have no flag for it, so that None does not exclude one there.
    """
    kind = read(Path("/sys/hypervisor/type"))
    if kind:
        return kind
    return "yes" if "hypervisor" in cpu_flags() else None


def cpu_flags() -> frozenset[str]:
    """Return what the first processor can do, in the words of the system; empty where unknown."""
    return frozenset((cpuinfo("flags") or "").split())


def quota_cpus() -> float | None:
    """Return the CPU limit of this process in processors, or None where there is none.

    Control groups are nested, and each may set a limit: the smallest one holds.  In a container
    the path may be that of the host, which does not exist here; its limits then show in the
    uppermost folder.
    """
    folders = [_CGROUPS, _CGROUPS / "cpu"]
    for controllers, path in _cpu_groups():
        # A path that leads upwards lies outside of what can be seen from here.
        parts = [] if ".." in path else path.strip("/").split("/")
        folders += [
            _CGROUPS.joinpath(mount, *parts[:depth])
            for mount in (("cpu", controllers) if controllers else ("", "unified"))
            for depth in range(len(parts) + 1)
        ]
    return min((limit for folder in folders if (limit := _limit(folder)) is not None), default=None)


def own_cgroup() -> str | None:
    """Return the control group with the processor's limits of this process; None for the root."""
    groups = _cpu_groups()
    # Where version 1 has the processor, the tree of version 2 beside it does not.
    version_1 = [path for controllers, path in groups if controllers]
    path = version_1[0] if version_1 else dict(groups).get("", "/")
    return None if path == "/" else path


def _cpu_groups() -> list[tuple[str, str]]:
    """Return the control groups of this process that may limit processors: controllers and path.

    Version 2 has one tree without names of controllers, beside version 1 or alone.
    """
    lines = (read(Path("/proc/self/cgroup")) or "").splitlines()
    groups = [line.split(":", 2) for line in lines]
    return [(names, path) for _, names, path in groups if not names or "cpu" in names.split(",")]


def _limit(group: Path) -> float | None:
    """Return the limit that one control group sets, in the form of either version."""
    version_2 = (read(group / "cpu.max") or "").split()
    if len(version_2) == 2 and version_2[0] != "max":
        return int(version_2[0]) / int(version_2[1])
    quota = read(group / "cpu.cfs_quota_us")
    period = read(group / "cpu.cfs_period_us")
    if quota and period and int(quota) > 0:
        return int(quota) / int(period)
    return None


def vectors(flags: Iterable[str]) -> str | None:
    """Return the widest vector instructions among a processor's ``flags``, or None."""
    known = set(flags)
    if known >= AVX512:
        return "AVX-512"
    return next((flag.upper() for flag in ("avx2", "avx", "sse2") if flag in known), None)


def half_as_wide(pools: Iterable[Pool], widest: str | None) -> tuple[str, ...]:
    """Return the kernels of those ``pools`` that leave half of the ``widest`` vectors unused.

    ``widest`` is that of :func:`vectors`.  OpenBLAS chooses its kernels when it is loaded.  On a
    processor that it does not know, or with the :data:`CORETYPE` of another one, products take
    nearly twice as long, and NumPy and Numba are compared at half their speed with libraries that
    ask the processor itself.
    """
    chosen = {
        name
        for pool in pools
        for name in _HALF_AS_WIDE
        if pool.library.startswith("openblas") and name in pool.detail.split(", ")
    }
    return tuple(sorted(chosen)) if widest == "AVX-512" else ()


def machine_id() -> str | None:
    """Return 16 hexadecimal digits for the installed operating system; any user may read them."""
    raw = next((text for path in _MACHINE_IDS if (text := read(path))), None)
    return _hashed("machine", raw) if raw and raw != "uninitialized" else None


def board_id() -> str | None:
    """Return 16 hexadecimal digits for the main board; commonly only root may read its source.

    Apart from :func:`machine_id`, so that a machine has one identity for root and for others.
    """
    facts = [read(_BOARD / name) or "" for name in _BOARD_FACTS]
    facts.append((read(_DEVICE_TREE) or "").rstrip("\0"))
    usable = [
        fact
        for fact in facts
        if fact.lower() not in _PLACEHOLDERS and re.sub(r"[0fF\s.-]", "", fact)
    ]
    return _hashed("board", "\n".join(usable)) if usable else None


def numa_nodes() -> int | None:
    """Return how many nodes the memory is divided into; None where unknown."""
    return sum(1 for _ in _NODES.glob("node[0-9]*")) or None


def allocation(environment: Mapping[str, str]) -> Allocation | None:
    """Return the SLURM job that ``environment`` names, or None outside of one."""
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


def _hashed(what: str, text: str) -> str:
    return hashlib.sha256(f"mlpbench {what} {text}".encode()).hexdigest()[:16]


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of ``names`` and of this project."""
    versions = {"mlpbench": bench.__version__}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def read(path: Path) -> str | None:
    """Return the stripped content of a system file, or None where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def cpuinfo(field: str) -> str | None:
    """Return a field of the first processor, such as ``model name``, or None."""
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return None
