"""Variances of a table's entries, each moderated by the others: empirical Bayes for few processes.

A variance from two or three processes says little about itself.  After Smyth (2004) the true
variances of a table are taken as draws from a scaled inverse chi-squared distribution, whose scale
and spread (the prior degrees of freedom) the table itself tells.  Smyth takes one best value of
both; here they are integrated over a grid, because ten entries of one degree of freedom leave both
uncertain.  What is uncertain then lowers the degrees of freedom of the result.
"""

from __future__ import annotations

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

SHARED = 0.5
"""The correlation assumed of two entries of a table: the baseline's process is common to both."""

_POINTS = 32
"""Of the grid over the prior's scale."""
_NEGLIGIBLE = -12.0
"""A log likelihood so far below the largest adds nothing."""


def moderated(variances: Array, df: Array, sampling: Array | None = None) -> tuple[Array, Array]:
    """Moderated variances and their degrees of freedom, both of shape (tables, entries).

    ``variances``, of the same shape, have ``df`` (entries,) degrees of freedom; an entry of 0
    degrees has no variance of its own and gets that of the others.  ``sampling`` is how much of
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
    """Log scales (tables, scales), and log weights (tables, prior degrees of freedom, scales).

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
    """That of all log variances of a table: each is a scale times a variable of the F distribution.

    Shape (tables, prior degrees of freedom, scales).
    """
    prior = PRIOR_DF[:, None, None]
    relative = logs[:, None, None, :] - scales[:, None, :, None] + np.log(df / prior)
    terms = df / 2 * relative - (df + prior) / 2 * np.logaddexp(0, relative)
    return np.asarray((terms - betaln(df / 2, prior / 2)).sum(axis=-1))


def discounted(moderated_df: Array, df: Array, correlation: Array) -> Array:
    """Degrees of freedom after what a common baseline takes from them.

    What entries share is met once and not once per entry: variances of entries that correlate by
    ``r`` correlate by ``r ** 2``, and so much of the variance of a pooled variance does not go
    away with more entries.  It counts by the share that the pool has in the moderated variance.
    ``correlation`` has one value per table.
    """
    known = df[df > 0]
    borrowed = np.clip(1 - df / moderated_df, 0, 1)
    lasting = correlation**2 * (len(known) - 1) / len(known) / known.mean()
    return np.asarray(np.maximum(1 / (1 / moderated_df + borrowed**2 * lasting[:, None]), df))


def correlation(residuals: Array, variances: Array) -> Array:
    """How much entries of a table vary together, one value per table.

    ``residuals`` (tables, entries, blocks) are around each entry's mean, NaN where it lacks a
    block.  At least :data:`SHARED`, because two blocks cannot show it.  With more the intraclass
    correlation is trusted so far as its square does not come from chance: by its share beyond the
    first degree of freedom.
    """
    least = np.full(len(residuals), SHARED)
    present = ~np.isnan(residuals).all(axis=(0, 1))
    entries, blocks = residuals.shape[1], int(present.sum())
    if entries < 2 or blocks < 3:
        return least
    scaled = residuals[..., present] / np.sqrt(np.maximum(variances, LEAST_VARIANCE))[..., None]
    common = np.nanmean(scaled, axis=1, keepdims=True)
    between = entries * (common**2).sum(axis=(1, 2)) / (blocks - 1)
    within = np.nansum((scaled - common) ** 2, axis=(1, 2)) / ((blocks - 1) * (entries - 1))
    total = np.maximum(between + (entries - 1) * within, LEAST_VARIANCE)
    found = np.clip((between - within) / total, 0, 1)
    return np.asarray(np.maximum(least, found * np.sqrt((blocks - 2) / (blocks - 1))))
