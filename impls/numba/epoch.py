"""An epoch in compiled code: every member of the team goes through all its steps.

Numba compiles every caller of a function again, with all that it calls.  So there is one entry,
:func:`run`, for dense data and for data with sparse columns.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.numba import kernels, sparse_kernels
from impls.numba.cache import compiled, inlined, inner
from impls.numba.state import Share
from impls.numba.team import is_last, open_next, takes, wait
from impls.numba.update import conclude, finish, step_of, team_size


@inlined()
def work_on_rows(step, part, rows, net, memory, sparse):
    """Run the phases of ``step`` for one part of its rows."""
    first, end = rows.size * part // step.team, rows.size * (part + 1) // step.team
    share = Share(part, first, rows[first:end])
    if sparse is None:
        kernels.slice_of_batch(step, share, net, memory)
    else:
        sparse_kernels.slice_of_batch(step, share, net, memory, sparse)


@inlined()
def work_on_parameters(step, part, net, memory, rates):
    """Do with one part of the parameters what follows the gradients."""
    first, end = net.parameters * part // step.team, net.parameters * (part + 1) // step.team
    memory.sums[part, 2] = finish(step, first, end, net, memory, rates)


@inner()
def member(number, request, rates, net, memory, sparse):
    """Go through all steps of an epoch as member ``number`` of the team.

    A step has a stage for its rows, and one for its parameters where the team shares them.
    """
    stage = 0
    for index in range(request.losses.shape[0]):
        rows = request.order[index * request.batch_size : (index + 1) * request.batch_size]
        step = step_of(request, rates, net, index, rows.size)
        last_stage = 1 if step.shared else 0
        for at_parameters in range(last_stage + 1):
            for turn in range(step.team):
                part = (number + turn) % step.team
                if not takes(memory.meeting, stage, part):
                    continue
                if at_parameters:
                    work_on_parameters(step, part, net, memory, rates)
                elif step.phases:
                    work_on_rows(step, part, rows, net, memory, sparse)
                if is_last(memory.meeting, step.team):
                    if at_parameters == last_stage:
                        conclude(step, rows.size, net, memory, rates, request.losses[index])
                    open_next(memory.meeting, stage)
            wait(memory.meeting, stage)
            stage += 1


@compiled(parallel=True)
def run(request, rates, net, memory, sparse):
    """Carry out ``request``; ``sparse`` is None, or holds what differs in sparse columns."""
    members = team_size(request.threads, request.batch_size, net.least_rows)
    if members == 1:
        member(0, request, rates, net, memory, sparse)
    else:
        for number in numba.prange(members):
            member(np.int64(number), request, rates, net, memory, sparse)
