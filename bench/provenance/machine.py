"""What this machine is: the facts about hardware and software that belong beside every number.

Each fact is one function; one that cannot be read here is left empty rather than guessed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import bench
from bench.planning.environment import recorded
from bench.provenance import kernels
from bench.provenance.records import Machine

PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "intel-cmplr-lib-rt", "keras", "tensorflow",
    "torch", "jax", "jaxlib", "scikit-learn", "pytest-benchmark", "threadpoolctl",
)  # fmt: skip
_CPU = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def describe(environment: Mapping[str, str]) -> Machine:
    """The machine as this process sees it; ``environment`` is the user's."""
    return Machine(
        cpu=cpu_model(),
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
        governor=_read(_CPU / "cpu0/cpufreq/scaling_governor"),
        smt=smt(),
        turbo=turbo(),
        hypervisor=hypervisor(),
        clock_source=_read(_CLOCK_SOURCE),
        vectors=kernels.vectors(cpu_flags()),
    )


def usable_cpus() -> int:
    """How many processors this process may run on: the affinity mask, not the machine."""
    return len(os.sched_getaffinity(0))


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def physical_cpus() -> int | None:
    """How many cores there are, counting hardware threads of one core once."""
    siblings = {
        text
        for text in (_read(path) for path in _CPU.glob("cpu[0-9]*/topology/thread_siblings_list"))
        if text
    }
    return len(siblings) or None


def caches() -> dict[str, str]:
    """Sizes of the first processor's caches, such as ``{"L2 Unified": "1024K"}``."""
    found = {}
    for index in sorted(_CPU.glob("cpu0/cache/index*")):
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level and kind and size:
            found[f"L{level} {kind}"] = size
    return found


def smt() -> str | None:
    """Whether cores run several hardware threads: on, off or notsupported; None if not told.

    Off may be forced (by firmware or boot option), which is off all the same.
    """
    control = _read(_CPU / "smt/control")
    return "off" if control == "forceoff" else control


def turbo() -> str | None:
    """Whether cores may run above their nominal frequency: on or off; None if not told."""
    forbidden = _read(_CPU / "intel_pstate/no_turbo")
    if forbidden in {"0", "1"}:
        return "off" if forbidden == "1" else "on"
    allowed = _read(_CPU / "cpufreq/boost")
    return {"0": "off", "1": "on"}.get(allowed or "")


def hypervisor() -> str | None:
    """The hypervisor's kind, ``yes`` where only its presence shows; None where nothing shows one.

    Processors other than x86 have no flag for it, so that None does not exclude one there.
    """
    kind = _read(Path("/sys/hypervisor/type"))
    if kind:
        return kind
    return "yes" if "hypervisor" in cpu_flags() else None


def cpu_flags() -> frozenset[str]:
    """What the first processor can do, in the words of the system; empty where it does not tell."""
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            return frozenset(flags.split())
    return frozenset()


def quota_cpus() -> float | None:
    """The CPU limit of this process in processors, or None where there is none.

    Control groups are nested, and each may set a limit: the smallest one holds.
    """
    limits = [limit for group in _own_groups() if (limit := _limit(group)) is not None]
    return min(limits, default=None)


def _own_groups() -> list[Path]:
    """Folders of the control groups that this process is in, parents included.

    In a container the path may be that of the host, which does not exist here; its limits then
    show in the uppermost folder.
    """
    found = [_CGROUPS, _CGROUPS / "cpu"]
    for line in (_read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree without names of controllers, beside version 1 or alone.
        mounts = ("cpu", controllers) if controllers else ("", "unified")
        # A path that leads upwards lies outside of what can be seen from here.
        parts = [] if ".." in path else path.strip("/").split("/")
        found += [
            _CGROUPS.joinpath(mount, *parts[:depth])
            for mount in mounts
            for depth in range(len(parts) + 1)
        ]
    return found


def _limit(group: Path) -> float | None:
    """The limit that one control group sets, in the form of either version."""
    version_2 = (_read(group / "cpu.max") or "").split()
    if len(version_2) == 2 and version_2[0] != "max":
        return int(version_2[0]) / int(version_2[1])
    quota = _read(group / "cpu.cfs_quota_us")
    period = _read(group / "cpu.cfs_period_us")
    if quota and period and int(quota) > 0:
        return int(quota) / int(period)
    return None


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of ``names`` and of this project; what is not installed is left out."""
    found = {"mlpbench": bench.__version__}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> str | None:
    """The stripped content of a system file, or None where the system has no such file."""
    try:
        return path.read_text().strip()
    except OSError:
        return None
