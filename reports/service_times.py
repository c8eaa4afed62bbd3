"""The distribution of service times behind a sample of them, smooth where a known family fits it.

What a queue does near its limit hangs on its longest services, of which a sample has few: with a coefficient of
variation of 1.5 the second moment of 18,000 of them is known to 8 % only. A family that fits (gamma, lognormal,
Weibull) knows it to 2 or 3 %. Fitted is what lies above the lower CENSORED part, which is blurred by the network and
decides nothing; a family whose share of long services is not that of the sample is not taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

QUANTILES = 4_000  # of a table
BINS = 2_000  # that a family is fitted to
EDGES = (0.60, 0.65, 0.70, 0.75, 0.80)  # of the part that is not fitted, each as good as the other
SIZE_MIN = 1_000  # of a sample, to be fitted
APART_MAX = 0.02  # greatest distance of the distribution functions that is no matter, beyond what chance gives
CHANCE = 1.63  # ÷ √n: distance that chance gives in 1 of 100 (Kolmogorov)
TAILS = (0.95, 0.99, 0.999)  # beyond these quantiles there must be as many as there should
TAIL_DEVIATIONS = 3.0
FAMILIES = ("gamma", "lognorm", "weibull_min")  # names in scipy.stats; each with a shape and a scale

Floats = NDArray[np.float64]


def family_of(took: Floats) -> str | None:
    """The family that fits best of those that fit at all."""
    if took.size < SIZE_MIN:
        return None
    fitted = [(_fit(name, took), name) for name in FAMILIES]
    sound = [(likelihood, name) for (likelihood, law), name in fitted if _fits(law, took)]
    return max(sound)[1] if sound else None


def table(took: Floats, family: str | None) -> Floats:
    """QUANTILES service times, equally likely; of the sample itself where no family is given."""
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    plain: Floats = np.interp(at * (took.size - 1), np.arange(took.size), np.sort(took))
    if family is None:
        whole: Floats = plain * (took.mean() / plain.mean())  # the far tail that a table cuts off belongs to the work
        return whole
    law = _fit(family, took)[1]
    smooth: Floats = law.ppf(at)
    smooth[-1] += (float(law.mean()) - float(smooth.mean())) * QUANTILES  # the same, where it belongs
    return np.where(at < EDGES[0], plain, smooth)


def _fit(family: str, took: Floats) -> tuple[float, Any]:
    """(log likelihood for each observation, frozen law) of the family, the lower part only counted.

    The mean over EDGES of what is counted: many systems act on whole milliseconds, and one edge on such a heap of equal
    times would tell of the heap.
    """
    ordered = np.sort(took)
    firsts = np.arange(min(BINS, ordered.size)) * ordered.size // min(BINS, ordered.size)
    sizes = np.diff(np.append(firsts, ordered.size))
    starts = np.array([round(edge * firsts.size) for edge in EDGES])
    above = (np.add.reduceat(ordered, firsts) / sizes)[starts[0] :]
    weights = (sizes * np.searchsorted(starts, np.arange(sizes.size), "right"))[starts[0] :] / len(EDGES)
    edges = ordered[firsts[starts]]
    below = firsts[starts] / len(EDGES)
    law = getattr(stats, family)

    def misfit(logs: Floats) -> float:
        shape, scale = np.exp(logs)
        with np.errstate(all="ignore"):
            total = below @ law.logcdf(edges, shape, scale=scale) + weights @ law.logpdf(above, shape, scale=scale)
        return -float(total) / ordered.size if np.isfinite(total) else 1e9

    middle = float(np.median(took))
    spread = float(np.log(np.quantile(took, 0.9) / middle)) / 1.28
    first = {"gamma": -2 * np.log(spread), "lognorm": np.log(spread), "weibull_min": -np.log(spread)}[family]
    scale = {"gamma": np.log(middle) - max(first, -1.0), "lognorm": np.log(middle), "weibull_min": np.log(middle)}
    found = optimize.minimize(
        misfit, np.array([first, scale[family]]), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-7}
    )
    shape, wide = np.exp(found.x)
    return -float(found.fun), law(shape, scale=wide)


def _fits(law: Any, took: Floats) -> bool:
    ordered = np.sort(took)
    at = (np.arange(ordered.size) + 0.5) / ordered.size
    upper = at >= EDGES[0]
    apart = float(np.abs(law.cdf(ordered[upper]) - at[upper]).max())
    if apart > APART_MAX + CHANCE / np.sqrt(ordered.size):
        return False
    for tail in TAILS:
        beyond, expected = int((took > law.ppf(tail)).sum()), took.size * (1 - tail)
        if abs(beyond - expected) > TAIL_DEVIATIONS * np.sqrt(expected) + 1 + 0.05 * expected:
            return False
    return True
