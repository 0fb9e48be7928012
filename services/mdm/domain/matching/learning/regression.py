"""Logistic regression held to prior coefficients: the maximum a posteriori, by Newton's method. Deterministic."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
_ROUNDS, _HALVINGS, _SETTLED = 60, 40, 1e-10


class Observations(NamedTuple):
    """What is known: the evidence of row r is `fixed[r]` + `columns[r]` · coefficients; `target` is 1 or 0."""

    columns: Reals
    fixed: Reals
    target: Reals


def fitted(seen: Observations, prior: Reals, precision: float) -> Reals:
    """Return the most probable coefficients when each is normal around its prior with that precision (1/variance).

    The loss is strictly convex: there is one answer, whatever the observations are.
    """

    def loss(at: Reals) -> float:
        evidence = seen.fixed + seen.columns @ at
        surprise = np.logaddexp(0, evidence) - seen.target * evidence
        return float(surprise.sum() + precision / 2 * ((at - prior) ** 2).sum())

    found, least = prior, loss(prior)
    for _ in range(_ROUNDS):
        step = _newton(seen, found, prior, precision)
        tried, reached = next(_lower(found, step, loss, least), (found, least))
        settled = least - reached <= _SETTLED * max(least, 1.0)
        found, least = tried, reached
        if settled:
            break
    return found


def _newton(seen: Observations, at: Reals, prior: Reals, precision: float) -> Reals:
    probability = (1 + np.tanh((seen.fixed + seen.columns @ at) / 2)) / 2
    gradient = seen.columns.T @ (probability - seen.target) + precision * (at - prior)
    spread = probability * (1 - probability)
    curvature = (seen.columns * spread[:, None]).T @ seen.columns + precision * np.eye(len(at))
    return np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64)


def _lower(at: Reals, step: Reals, loss: Callable[[Reals], float], least: float) -> Iterator[tuple[Reals, float]]:
    """Give what lies lower along a step: the whole of it, half, a quarter, and so on."""
    for halvings in range(_HALVINGS):
        tried = at - step / 2**halvings
        if (reached := loss(tried)) < least:
            yield tried, reached


def rising(values: Reals, mass: Reals) -> Reals:
    """Return the nearest values that never fall, each counted by its mass (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), mass.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before, heavy, size = pools.pop()
            whole = heavy + pool[1]
            pool = ((before * heavy + pool[0] * pool[1]) / whole, whole, size + pool[2])
        pools.append(pool)
    return np.repeat([value for value, _, _ in pools], [size for _, _, size in pools])
