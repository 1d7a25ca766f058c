from __future__ import annotations

import msgspec
import pytest

from bench.documents.results import Results
from bench.provenance.records import Allocation, Code
from bench.running.runner import require_unchanged
from impls.errors import ResultsError
from tests.stand_ins import fakes


def document(code: str = "a", **machine: object) -> Results:
    plain = fakes.document()
    changed = msgspec.structs.replace(plain.machine, **machine)
    return msgspec.structs.replace(plain, machine=changed, code=Code(sha256=code, commit="c0ffee"))


def test_nothing_changed_is_fine_whenever_it_is() -> None:
    later = msgspec.structs.replace(document(), created_at="2027-01-01T00:00:00+00:00")
    require_unchanged(document(), later)


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (document(cpu="Other CPU"), "machine cpu: Example CPU -> Other CPU"),
        (document(id="1" * 16), "machine id: None -> 1111111111111111"),
        (document(usable_cpus=1), "machine usable_cpus: 2 -> 1"),
        (document(versions={"numpy": "9"}), "machine versions numpy: None -> 9"),
        (document(environment={"OMP_NUM_THREADS": "1"}), "OMP_NUM_THREADS: None -> 1"),
        (document(code="b"), "code of bench"),
    ],
)
def test_what_timings_depend_on_is_named_with_both_values(now: Results, named: str) -> None:
    with pytest.raises(ResultsError, match="cannot be resumed") as caught:
        require_unchanged(document(), now)
    assert named in str(caught.value)
    assert "--out" in str(caught.value)


def test_a_run_goes_on_in_another_job_of_the_same_machine() -> None:
    first, second = (
        document(cgroup=f"/job_{job}", allocation=Allocation(scheduler="slurm", job=job))
        for job in "78"
    )
    require_unchanged(first, second)


def test_other_data_is_refused() -> None:
    other = msgspec.structs.replace(document().dataset, sha256="1" * 64)
    with pytest.raises(ResultsError, match="data: nowhere has changed since the run began"):
        require_unchanged(document(), msgspec.structs.replace(document(), dataset=other))
