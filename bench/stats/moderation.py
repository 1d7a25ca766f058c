"""Variances of a table's entries, each moderated by the others: empirical Bayes for few processes.

A variance from two or three processes says little about itself.  After Smyth (2004) the true
variances of a table are taken as draws from a scaled inverse chi-squared distribution, whose scale
and spread (the prior degrees of freedom) come from the table itself.  Smyth takes one best value of
both; here they are integrated over a grid, because ten entries of one degree of freedom leave both
uncertain.  What is uncertain then lowers the degrees of freedom of the result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, logsumexp

Array = npt.NDArray[np.float64]

LEAST_VARIANCE = 1e-24
"""Values that scatter less than this agree by rounding; its logarithm must stay finite."""

PRIOR_DF = np.array([2.0, 4.0, 8.0, 16.0, 32.0])
"""How alike the true variances of a table may be; equally likely beforehand.

At 2 the middle half of the true variances lies within a factor of 5, at 32 within one of 1.4.
"""

MOST_DF = 3.0
"""The degrees of freedom of a moderated variance are at most this multiple of those of an entry.

More would be believed if processes scattered normally.  Where one in eight is slow throughout, two
slow ones look like a quiet row that differs; simulation shows that this limit keeps such tables
from more than 5 % false verdicts.
"""

FEWEST_SHARING = 3
"""With fewer ratios to one reference it is unknown whose process varies."""

_POINTS = 32
"""Of the grid over the prior's scale."""
_NEGLIGIBLE = -12.0
"""A log likelihood so far below the largest adds nothing."""


def between_blocks(
    residuals: Array, sampling: Array, groups: Sequence[Sequence[int]]
) -> tuple[Array, Array]:
    """Return the variance between blocks of each entry of tables, and its degrees of freedom.

    ``residuals`` (tables, entries, blocks) are around each entry's mean, NaN where it lacks a
    block, the same ones in all tables; ``sampling`` (tables, entries) is the part that the scatter
    of sweeps explains; ``groups`` are the places of entries that share the reference's process.

    A log ratio varies by two processes.  What entries with the same reference have in common
    separates its part from theirs.  All parts, of references too, then moderate each other.

    Borrowing may widen an interval; it never narrows it below what an entry says of itself.
    """
    df = (~np.isnan(residuals[0])).sum(axis=-1) - 1.0
    own = np.nansum(residuals**2, axis=-1) / np.maximum(df, 1)
    least = np.maximum(own, sampling)
    if len(df) == 1:
        return least, np.broadcast_to(df, own.shape)
    parts, part_df, trends = own / 2, df.copy(), sampling
    references: list[tuple[Sequence[int], int]] = []
    for group in groups:
        split = _split(residuals[:, group])
        if split is None:
            continue
        rows, common, common_df = split
        parts[:, group] = rows
        references.append((group, parts.shape[1]))
        trend = np.exp(np.log(np.maximum(sampling[:, group], LEAST_VARIANCE)).mean(axis=1))
        parts = np.column_stack([parts, common])
        trends = np.column_stack([trends, trend])
        part_df = np.append(part_df, common_df)
    variances, dfs = moderated(parts, part_df, trends if (sampling > 0).all() else None)
    variances = np.maximum(variances, parts)
    other, other_df = variances[:, : len(df)].copy(), dfs[:, : len(df)].copy()
    for group, place in references:
        other[:, group], other_df[:, group] = variances[:, [place]], dfs[:, [place]]
    rows, rows_df = variances[:, : len(df)], dfs[:, : len(df)]
    total = rows + other
    # Of one variance met twice, the degrees of freedom are those of one.
    apart = np.isin(np.arange(len(df)), [place for group, _ in references for place in group])
    welch = total**2 / (rows**2 / rows_df + other**2 / other_df)
    most = MOST_DF * df[df > 0].mean()
    return np.maximum(least, total), np.clip(
        np.where(apart, welch, rows_df), df, np.maximum(most, df)
    )


def _split(residuals: Array) -> tuple[Array, Array, float] | None:
    """Return variances of each row's process (tables, rows) and of the common one (tables,).

    With the degrees of freedom of the latter.  None where too few rows share too few blocks.
    """
    number = residuals.shape[1]
    shared = (~np.isnan(residuals[0])).sum(axis=0) >= FEWEST_SHARING
    if number < FEWEST_SHARING or shared.sum() < 2:
        return None
    common = np.zeros((len(residuals), residuals.shape[2]))
    common[:, shared] = np.nanmean(residuals[..., shared], axis=1)
    rows = residuals - common[:, None]
    rows = rows - np.nanmean(rows, axis=-1, keepdims=True)
    df = (~np.isnan(residuals[0])).sum(axis=-1) - 1.0
    own = np.nansum(rows**2, axis=-1) / np.maximum(df, 1) / (1 - 1 / number)
    # The mean of the rows holds a share of their own parts, taken to be as large as the common one.
    return own, common[:, shared].var(axis=1, ddof=1) / (1 + 1 / number), float(shared.sum() - 1)


def moderated(variances: Array, df: Array, sampling: Array | None = None) -> tuple[Array, Array]:
    """Return moderated variances and their degrees of freedom, both (tables, entries).

    ``variances``, of the same shape, have ``df`` (entries,) degrees of freedom; an entry of 0
    degrees has no variance and gets that of the others.  ``sampling`` is how much of
    each variance the scatter of sweeps alone explains: where the table shows that entries with
    more of it vary more, their variances are compared after division by it.

    The results match mean and variance of the posterior distribution of the precision.

    Raises:
        ValueError: no entry has a degree of freedom.
    """
    known = df > 0
    if not known.any():
        raise ValueError("a table without degrees of freedom has no variance")
    logs = np.log(np.maximum(variances, LEAST_VARIANCE))
    trend = np.zeros_like(logs)
    if sampling is not None:
        trend = np.log(np.maximum(sampling, LEAST_VARIANCE))
        trend -= trend[:, known].mean(axis=1, keepdims=True)
    evidence, first, second = [], [], []
    for slope in (0.0,) if sampling is None else (0.0, 1.0):
        shift = slope * trend
        scales, weights = _posterior((logs - shift)[:, known], df[known])
        # Axes: tables, prior degrees of freedom, scales, entries.
        prior = PRIOR_DF[:, None, None] * np.exp(scales[:, None, :, None] + shift[:, None, None, :])
        total = PRIOR_DF[:, None, None] + df
        precision = total / (prior + df * np.exp(logs)[:, None, None, :])
        evidence.append(logsumexp(weights, axis=(1, 2)))
        share = np.exp(weights - evidence[-1][:, None, None])[..., None]
        first.append((share * precision).sum(axis=(1, 2)))
        second.append((share * precision**2 * (1 + 2 / total)).sum(axis=(1, 2)))
    slopes = np.exp(np.array(evidence) - logsumexp(evidence, axis=0))[..., None]
    mean = (slopes * first).sum(axis=0)
    square = (slopes * second).sum(axis=0)
    return 1 / mean, 2 * mean**2 / np.maximum(square - mean**2, LEAST_VARIANCE * mean**2)


def _posterior(logs: Array, df: Array) -> tuple[Array, Array]:
    """Return log scales (tables, scales) and log weights (tables, prior df, scales).

    The second pass covers only where the first found the likelihood not negligible.
    """
    reach = 4 + 24 / logs.shape[1]
    low, high = logs.min(axis=1) - reach, logs.max(axis=1) + reach
    for _ in range(2):
        scales = np.linspace(low, high, _POINTS, axis=1)
        weights = _log_likelihood(logs, df, scales)
        best = weights.max(axis=1)
        likely = best - best.max(axis=1, keepdims=True) > _NEGLIGIBLE
        begin = np.maximum(likely.argmax(axis=1) - 1, 0)
        end = _POINTS - 1 - np.maximum(likely[:, ::-1].argmax(axis=1) - 1, 0)
        width = np.log(high - low)
        rows = np.arange(len(logs))
        low, high = scales[rows, begin], scales[rows, end]
    return scales, weights + width[:, None, None]


def _log_likelihood(logs: Array, df: Array, scales: Array) -> Array:
    """Return that of all log variances of a table: each is a scale times an F variable.

    Shape (tables, prior degrees of freedom, scales).
    """
    prior = PRIOR_DF[:, None, None]
    relative = logs[:, None, None, :] - scales[:, None, :, None] + np.log(df / prior)
    terms = df / 2 * relative - (df + prior) / 2 * np.logaddexp(0, relative)
    return np.asarray((terms - betaln(df / 2, prior / 2)).sum(axis=-1))
