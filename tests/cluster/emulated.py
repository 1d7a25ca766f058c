"""A real SLURM with two emulated nodes on this machine: its daemons, started and ended by a test.

Each node is a ``slurmd`` with a port of its own; authentication is munge's, with a key and a socket
in the folder of the test.  Nothing outside that folder is written, and no service is touched.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "squeue", "scontrol", "sinfo", "scancel")
NODES = {"node1": "rome", "node2": "genoa"}
"""The kind of each node, which a job may ask for as a constraint."""

_CONF = """\
ClusterName=emulated
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
SlurmdTimeout=4
InactiveLimit=0
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_interval=2,batch_sched_delay=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=10
"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 "
    "Features={kind} State=UNKNOWN\n"
)


def reason_not_to_start() -> str:
    """Why SLURM cannot be started here; empty where it can."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name, path=search) is None]
    if missing:
        return f"no SLURM here: {', '.join(missing)} not found (packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "SLURM's daemons need root to start jobs"
    return ""


class EmulatedSlurm:
    """The daemons of one cluster; ``environment`` lets SLURM's commands find it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._others: list[subprocess.Popen[bytes]] = []
        host = socket.gethostname().partition(".")[0]
        ports = _free_ports(1 + len(NODES))
        conf = _CONF.format(host=host, folder=folder, controller=ports[0])
        for port, (name, kind) in zip(ports[1:], NODES.items(), strict=True):
            conf += _NODE.format(name=name, kind=kind, host=host, port=port)
        (folder / "slurm.conf").write_text(conf)
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (folder / name).mkdir()
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
        }

    def start(self) -> None:
        """Start everything and wait until every node is idle."""
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        at = {name: self.folder / f"munge.{name}" for name in ("key", "sock", "pid", "log", "seed")}
        self._others.append(
            self._daemon(
                "munged", "--foreground", "--force", f"--key-file={at['key']}",
                f"--socket={at['sock']}", f"--pid-file={at['pid']}", f"--log-file={at['log']}",
                f"--seed-file={at['seed']}",
            )
        )  # fmt: skip
        _wait((self.folder / "munge.sock").exists, "munged", self.folder)
        self._others.append(self._daemon("slurmctld", "-D"))
        for name in NODES:
            self.start_node(name)
        _wait(lambda: set(self.states().values()) == {"idle"}, "nodes to be idle", self.folder)

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self.nodes[name] = self._daemon("slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """End a node as a power failure does: its daemon and all that its jobs started."""
        below = self._processes(f"SLURMD_NODENAME={name}")
        # The step's daemon would report the end of the job that it looks after.
        steps = [pid for pid in self._processes() if _is_step(pid) and below & _descendants(pid)]
        for pid in (self.nodes[name].pid, *steps, *below):
            _kill(pid)
        self.nodes.pop(name).wait()

    def begin_at_once(self, job: str) -> bool:
        """Let a job that was requeued not wait for the two minutes that SLURM gives its node."""
        self.command("scontrol", "update", f"JobId={job}", "StartTime=now")
        return "BeginTime" not in self.command("squeue", "--noheader", f"--jobs={job}")

    def states(self) -> dict[str, str]:
        """The state of every node, such as ``idle``, in SLURM's words."""
        said = self.command("sinfo", "--noheader", "--Node", "--format=%N %t")
        return dict(line.split()[:2] for line in said.splitlines() if len(line.split()) > 1)

    def command(self, *arguments: str) -> str:
        """The output of one of SLURM's commands; empty where it failed."""
        done = subprocess.run(
            arguments,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def stop(self) -> None:
        """End every job and every daemon that was started here."""
        for process in (*self.nodes.values(), *self._others):
            process.kill()
            process.wait()
        for pid in self._processes():
            _kill(pid)

    def _processes(self, variable: str = "") -> set[int]:
        """Every process of this cluster; of these, the ones in whose environment is a variable."""
        ours = f"SLURM_CONF={self.environment['SLURM_CONF']}"
        wanted = {one.encode() for one in (ours, variable) if one}
        found = set()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted <= set(path.read_bytes().split(b"\0")):
                    found.add(int(path.parent.name))
            except OSError:  # ended meanwhile
                continue
        return found

    def _daemon(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{command[0]}-{command[-1].lstrip('-')[:8]}.out").open("ab")
        with log:
            return subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )


def _is_step(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"slurmstepd")
    except OSError:  # ended meanwhile
        return False


def _descendants(pid: int) -> set[int]:
    """Every process below ``pid``; not every kernel lists a process's children."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold blanks.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # ended meanwhile
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found |= set(below)
        waiting += below
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_ports(count: int) -> list[int]:
    listening = [socket.socket() for _ in range(count)]
    try:
        for one in listening:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in listening]
    finally:
        for one in listening:
            one.close()


def _wait(holds: Callable[[], bool], what: str, folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            logs = "\n".join(
                f"{path.name}: {path.read_text(errors='replace')[-800:]}"
                for path in sorted(folder.glob("*.[lo]*"))
            )
            raise TimeoutError(f"waited {seconds:g} s for {what}\n{logs}")
        time.sleep(0.2)
