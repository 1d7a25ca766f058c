from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.documents.timings import Disturbance
from bench.measuring.disturbance import Monitor, Reading

TICK = 1 / os.sysconf("SC_CLK_TCK")


class FakeProc:
    """A folder that looks like /proc to a monitor; times are given in seconds and in ticks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "self" / "task").mkdir(parents=True)

    def thread(self, number: int, *, ran: float, waited: float) -> None:
        folder = self.root / "self" / "task" / str(number)
        folder.mkdir(exist_ok=True)
        (folder / "schedstat").write_text(f"{round(ran * 1e9)} {round(waited * 1e9)} 7\n")

    def end(self, number: int) -> None:
        folder = self.root / "self" / "task" / str(number)
        (folder / "schedstat").unlink()
        folder.rmdir()

    def processors(self, *ticks: int) -> None:
        line = " ".join(map(str, ticks))
        (self.root / "stat").write_text(f"cpu  {line}\ncpu0 {line}\nintr 5\n")


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    fake = FakeProc(tmp_path)
    fake.thread(10, ran=1.0, waited=0.25)
    fake.processors(100, 0, 50, 1000, 20, 3, 4, 10, 0, 0)
    return fake


@pytest.fixture
def open_monitor(proc: FakeProc) -> Iterator[Callable[[], Monitor]]:
    opened: list[Monitor] = []

    def make() -> Monitor:
        opened.append(Monitor(proc.root))
        return opened[-1]

    yield make
    for monitor in opened:
        monitor.close()


MakeMonitor = Callable[[], Monitor]


def reading(**changes: object) -> Reading:
    values: dict[str, object] = {
        "wall": 0.0, "cpu": 0.0, "switches": 0, "threads": {1: (1.0, 0.0)}, "busy": 5.0,
        "stolen": 0.0,
    }  # fmt: skip
    return Reading(**(values | changes))  # type: ignore[arg-type]


def test_a_reading_holds_what_the_files_say(proc: FakeProc, open_monitor: MakeMonitor) -> None:
    proc.thread(11, ran=2.0, waited=0.5)
    found = open_monitor().read()
    assert found.threads == {10: (1.0, 0.25), 11: (2.0, 0.5)}
    # user + nice + system + irq + softirq; neither idle nor waiting for a disk, and guests are
    # in user already.
    assert found.busy == pytest.approx((100 + 0 + 50 + 3 + 4) * TICK)
    assert found.stolen == pytest.approx(10 * TICK)


def test_threads_are_followed_as_they_begin_and_end(
    proc: FakeProc, open_monitor: MakeMonitor
) -> None:
    monitor = open_monitor()
    assert set(monitor.read().threads or ()) == {10}
    proc.thread(11, ran=1.0, waited=0.0)
    assert set(monitor.read().threads or ()) == {10, 11}
    proc.end(10)
    assert set(monitor.read().threads or ()) == {11}
    # One ends, one begins: their number alone does not tell.
    proc.end(11)
    proc.thread(12, ran=1.0, waited=0.0)
    proc.thread(13, ran=1.0, waited=0.0)
    assert set(monitor.read().threads or ()) == {12, 13}


def test_waiting_is_summed_over_threads_and_a_new_one_counts_whole(
    proc: FakeProc, open_monitor: MakeMonitor
) -> None:
    monitor = open_monitor()
    before = monitor.read()
    proc.thread(10, ran=1.5, waited=0.5)
    proc.thread(11, ran=0.25, waited=0.125)
    assert monitor.between(before, monitor.read()).waited == pytest.approx(0.25 + 0.125)


def test_an_id_given_to_a_new_thread_counts_from_nothing(open_monitor: MakeMonitor) -> None:
    before = reading(threads={1: (9.0, 3.0)})
    after = reading(threads={1: (1.0, 0.5)}, wall=1.0)
    assert open_monitor().between(before, after).waited == 0.5
    assert open_monitor().busy_threads(before, after) == 1


def test_foreign_time_is_what_we_did_not_use(open_monitor: MakeMonitor) -> None:
    found = open_monitor().between(
        reading(busy=10.0, cpu=2.0, stolen=1.0, switches=3),
        reading(busy=13.0, cpu=4.5, stolen=1.25, switches=8),
    )
    assert found == Disturbance(waited=0.0, foreign=0.5, stolen=0.25, switches=5, processors=1)


def test_processors_are_counted_where_their_time_is_added_up(
    proc: FakeProc, open_monitor: MakeMonitor
) -> None:
    line = "1 0 0 0 0 0 0 0 0 0"
    (proc.root / "stat").write_text(f"cpu  {line}\ncpu0 {line}\ncpu3 {line}\nintr 5\n")
    assert open_monitor().processors == 2
    (proc.root / "stat").unlink()
    monitor = open_monitor()
    assert monitor.between(monitor.read(), monitor.read()).processors is None


def test_foreign_time_is_never_below_nothing(open_monitor: MakeMonitor) -> None:
    # Ticks are coarse: 30 ms of our own may show as two ticks of the machine.
    found = open_monitor().between(reading(), reading(busy=5.02, cpu=0.03))
    assert found.foreign == 0.0


@pytest.mark.parametrize("times", [(0.5, 0.049), (0.5, 0.0)])
def test_threads_that_hardly_ran_are_not_busy(
    open_monitor: MakeMonitor, times: tuple[float, ...]
) -> None:
    before = reading(threads=dict.fromkeys((1, 2, 3), (0.0, 0.0)))
    ran = (*times, 0.05)
    after = reading(wall=1.0, threads={n: (t, 0.0) for n, t in enumerate(ran, 1)})
    assert open_monitor().busy_threads(before, after) == 2


@pytest.mark.parametrize("other", [None, {1: (1.0, 0.0)}])
def test_what_the_system_does_not_tell_is_none(
    open_monitor: MakeMonitor, other: dict[int, tuple[float, float]] | None
) -> None:
    silent = reading(threads=None, busy=None, stolen=None)
    for pair in ((silent, reading(threads=other)), (reading(threads=other), silent)):
        found = open_monitor().between(*pair)
        assert (found.waited, found.foreign, found.stolen) == (None, None, None)
        assert open_monitor().busy_threads(*pair) is None


def test_without_any_file_the_process_is_still_read(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "nothing")
    found = monitor.read()
    assert (found.threads, found.busy, found.stolen) == (None, None, None)
    assert found.cpu > 0
    monitor.close()


@pytest.mark.parametrize("line", ["cpu 1 2 3", "processor 1 2 3 4 5 6 7 8 9", ""])
def test_a_first_line_of_another_form_is_not_guessed_at(
    proc: FakeProc, open_monitor: MakeMonitor, line: str
) -> None:
    (proc.root / "stat").write_text(line)
    found = open_monitor().read()
    assert (found.busy, found.stolen) == (None, None)


def test_zeros_mean_that_the_kernel_keeps_no_account(
    proc: FakeProc, open_monitor: MakeMonitor
) -> None:
    proc.thread(10, ran=0, waited=0)
    assert open_monitor().read().threads is None


def test_this_process_and_its_threads_are_seen() -> None:
    monitor, stop = Monitor(), threading.Event()
    started = threading.Barrier(2)

    def idle() -> None:
        started.wait()
        stop.wait()

    thread = threading.Thread(target=idle)
    thread.start()
    started.wait()
    before = monitor.read()
    begun = time.process_time()
    while time.process_time() - begun < 0.05:
        pass
    after = monitor.read()
    assert after.threads is None or threading.get_native_id() in after.threads
    assert after.threads is None or thread.native_id in after.threads
    stop.set()
    thread.join()
    # The system takes a moment to clear away what Python has joined.
    deadline = time.monotonic() + 10
    while thread.native_id in (monitor.read().threads or ()) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert thread.native_id not in (monitor.read().threads or ())
    assert after.cpu - before.cpu >= 0.05
    assert monitor.busy_threads(before, after) in {1, None}
    found = monitor.between(before, after)
    for seconds in (found.waited, found.foreign, found.stolen):
        assert seconds is None or seconds >= 0
    assert found.switches >= 0
    monitor.close()


def test_a_closed_monitor_leaves_no_file_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    monitor = Monitor()
    monitor.read()
    assert set(Path("/proc/self/fd").iterdir()) > before
    monitor.close()
    assert set(Path("/proc/self/fd").iterdir()) == before
