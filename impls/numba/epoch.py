"""An epoch in compiled code: every member of the team goes through all its steps.

Numba compiles every caller of a function again, with all that it calls.  So there is one entry,
:func:`run`, for dense data and for data with sparse columns.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.numba.cache import compiled, inlined, inner
from impls.numba.kernels import slice_of_batch
from impls.numba.state import UP_TO_GRADIENTS, Share
from impls.numba.team import (
    NO_BUFFER,
    NO_PART,
    finishes,
    free_buffer,
    is_done,
    open_next,
    take,
    wait,
)
from impls.numba.update import conclude, finish, step_of, team_size


@inlined()
def work_on_rows(number, stage, step, rows, net, memory, sparse):
    """Work on parts of the rows while there are any; true for the member that finishes the last.

    Of a whole step any part can be done again.  Separate phases cannot: each finds in a part's
    buffer what the phase before has left there.
    """
    is_whole, is_first = step.phases == UP_TO_GRADIENTS, True
    part, turn = take(memory.sync, stage, step.team, number, 0, is_whole)
    while part != NO_PART:
        buffer = part
        if is_whole:
            buffer = number if is_first else free_buffer(memory.sync)
            is_first = False
        first, end = rows.size * part // step.team, rows.size * (part + 1) // step.team
        share = Share(stage, part, buffer, first, rows[first:end])
        # A part that is done meanwhile is left alone: its stage can be over, and the spare buffer
        # can hold what the stage of the parameters still reads.
        if step.phases and not is_done(memory.sync, stage, part):
            slice_of_batch(step, share, net, memory, sparse)
        if finishes(memory.sync, stage, step.team, part, buffer):
            return True
        part, turn = take(memory.sync, stage, step.team, number, turn, is_whole)
    return False


@inlined()
def work_on_parameters(number, stage, step, net, memory, rates):
    """Finish parts of the parameters while there are any; true for the member of the last one."""
    part, turn = take(memory.sync, stage, step.team, number, 0, False)
    while part != NO_PART:
        first, end = net.parameters * part // step.team, net.parameters * (part + 1) // step.team
        memory.sums[part, 2] = finish(step, first, end, net, memory, rates)
        if finishes(memory.sync, stage, step.team, part, NO_BUFFER):
            return True
        part, turn = take(memory.sync, stage, step.team, number, turn, False)
    return False


@inner()
def member(number, request, rates, net, memory, sparse):
    """Go through all steps of an epoch as member ``number`` of the team.

    A step has a stage for its rows, and one for its parameters where the team shares them.
    """
    stage = 0
    for index in range(request.losses.shape[0]):
        rows = request.order[index * request.batch_size : (index + 1) * request.batch_size]
        step = step_of(request, rates, net, index, rows.size)
        is_last = work_on_rows(number, stage, step, rows, net, memory, sparse)
        if step.shared_tasks:
            if is_last:
                open_next(memory.sync, stage)
            stage += 1
            wait(memory.sync, stage)
            is_last = work_on_parameters(number, stage, step, net, memory, rates)
        if is_last:
            conclude(step, rows.size, net, memory, rates, request.losses[index])
            open_next(memory.sync, stage)
        stage += 1
        wait(memory.sync, stage)


@compiled(parallel=True)
def run(request, rates, net, memory, sparse):
    """Carry out ``request``; ``sparse`` is None, or holds what differs in sparse columns."""
    members = team_size(request.threads, request.batch_size, net.least_rows)
    for number in numba.prange(members):
        member(np.int64(number), request, rates, net, memory, sparse)
