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
from bench.planning.affinity import listed
from bench.planning.variables import recorded
from bench.provenance import identity, kernels, system
from bench.provenance.records import Machine

PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "intel-cmplr-lib-rt", "keras", "tensorflow",
    "torch", "jax", "jaxlib", "scikit-learn", "pytest-benchmark", "threadpoolctl",
)  # fmt: skip
_CPU = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def describe(environment: Mapping[str, str]) -> Machine:
    """Return the machine as this process sees it; ``environment`` is the user's."""
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
        governor=system.read(_CPU / "cpu0/cpufreq/scaling_governor"),
        smt=smt(),
        turbo=turbo(),
        hypervisor=hypervisor(),
        clock_source=system.read(_CLOCK_SOURCE),
        vectors=kernels.vectors(cpu_flags()),
        id=identity.machine_id(),
        board=identity.board_id(),
        hostname=identity.hostname(environment),
        microcode=identity.microcode(),
        numa_nodes=identity.numa_nodes(),
        cpus=cpu_list(),
        cgroup=own_cgroup(),
        allocation=identity.allocation(environment),
    )


def usable_cpus() -> int:
    """Return how many processors this process may run on: the affinity mask, not the machine."""
    return len(os.sched_getaffinity(0))


def cpu_list() -> str:
    """Return the processors of the affinity mask of this thread, such as ``0-3,6``."""
    return listed(os.sched_getaffinity(0))


def available_cpus(usable: int) -> int:
    """How many threads can run at once on ``usable`` processors: fewer where a quota says so.

    Two threads under a quota of 1.5 processors would be stopped for a quarter of the time, so the
    quota is rounded down; one thread is the least.
    """
    quota = quota_cpus()
    return usable if quota is None else max(1, min(usable, int(quota)))


def cpu_model() -> str:
    """Return the processor's name, as far as the system tells it."""
    return system.cpuinfo("model name") or platform.processor() or platform.machine()


def physical_cpus() -> int | None:
    """Return how many cores there are, counting hardware threads of one core once."""
    paths = _CPU.glob("cpu[0-9]*/topology/thread_siblings_list")
    siblings = {text for text in map(system.read, paths) if text}
    return len(siblings) or None


def caches() -> dict[str, str]:
    """Sizes of the first processor's caches, such as ``{"L2 Unified": "1024K"}``."""
    sizes = {}
    for index in sorted(_CPU.glob("cpu0/cache/index*")):
        level, kind, size = (system.read(index / name) for name in ("level", "type", "size"))
        if level and kind and size:
            sizes[f"L{level} {kind}"] = size
    return sizes


def smt() -> str | None:
    """Return whether cores run several hardware threads: on, off or notsupported; None if not told.

    Off may be forced (by firmware or boot option), which is off all the same.
    """
    control = system.read(_CPU / "smt/control")
    return "off" if control == "forceoff" else control


def turbo() -> str | None:
    """Return whether cores may run above their nominal frequency: on or off; None if not told."""
    forbidden = system.read(_CPU / "intel_pstate/no_turbo")
    if forbidden in {"0", "1"}:
        return "off" if forbidden == "1" else "on"
    allowed = system.read(_CPU / "cpufreq/boost")
    return {"0": "off", "1": "on"}.get(allowed or "")


def hypervisor() -> str | None:
    """The hypervisor's kind, ``yes`` where only its presence shows; None where nothing shows one.

    Processors other than x86 have no flag for it, so that None does not exclude one there.
    """
    kind = system.read(Path("/sys/hypervisor/type"))
    if kind:
        return kind
    return "yes" if "hypervisor" in cpu_flags() else None


def cpu_flags() -> frozenset[str]:
    """What the first processor can do, in the words of the system; empty where it does not tell."""
    return frozenset((system.cpuinfo("flags") or "").split())


def quota_cpus() -> float | None:
    """Return the CPU limit of this process in processors, or None where there is none.

    Control groups are nested, and each may set a limit: the smallest one holds.
    """
    limits = [limit for group in _own_groups() if (limit := _limit(group)) is not None]
    return min(limits, default=None)


def own_cgroup() -> str | None:
    """The control group that holds the processor's limits of this process; None for the root."""
    paths = {}
    for line in (system.read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            paths[controllers] = path
    # Where version 1 has the processor, the tree of version 2 beside it does not.
    version_1 = [path for controllers, path in paths.items() if controllers]
    path = version_1[0] if version_1 else paths.get("", "/")
    return None if path == "/" else path


def _own_groups() -> list[Path]:
    """Folders of the control groups that this process is in, parents included.

    In a container the path may be that of the host, which does not exist here; its limits then
    show in the uppermost folder.
    """
    groups = [_CGROUPS, _CGROUPS / "cpu"]
    for line in (system.read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree without names of controllers, beside version 1 or alone.
        mounts = ("cpu", controllers) if controllers else ("", "unified")
        # A path that leads upwards lies outside of what can be seen from here.
        parts = [] if ".." in path else path.strip("/").split("/")
        groups += [
            _CGROUPS.joinpath(mount, *parts[:depth])
            for mount in mounts
            for depth in range(len(parts) + 1)
        ]
    return groups


def _limit(group: Path) -> float | None:
    """Return the limit that one control group sets, in the form of either version."""
    version_2 = (system.read(group / "cpu.max") or "").split()
    if len(version_2) == 2 and version_2[0] != "max":
        return int(version_2[0]) / int(version_2[1])
    quota = system.read(group / "cpu.cfs_quota_us")
    period = system.read(group / "cpu.cfs_period_us")
    if quota and period and int(quota) > 0:
        return int(quota) / int(period)
    return None


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of ``names`` and of this project; what is not installed is left out."""
    versions = {"mlpbench": bench.__version__}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
