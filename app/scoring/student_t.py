"""Quantiles of Student's t for whole degrees of freedom, without a numerical library.

For whole degrees of freedom the distribution is a finite sum in theta = atan(t / sqrt(df)), so its inverse needs
only sines and cosines. Importing scipy would cost the service more time and memory than all of its scoring.
"""

from functools import lru_cache
from math import cos, pi, sin, sqrt, tan
from typing import Final

_HALVINGS: Final = 60


@lru_cache(maxsize=1024)
def two_sided_quantile(df: int, percent: int = 95) -> float:
    """Compute the t for which a share of Student's distribution lies between -t and t.

    Args:
        df: degrees of freedom, at least 1.
        percent: the share in per cent, above 0 and below 100.
    Returns:
        t > 0, to at least ten digits.
    Raises:
        ValueError: no degree of freedom, or a share out of range.
    Source:
        Abramowitz & Stegun (1964), 26.7.3 and 26.7.4; scoring spec 5.
    """
    if df < 1 or not 0 < percent < 100:
        raise ValueError("the quantile needs df >= 1 and 0 < percent < 100")
    low, high = 0.0, pi / 2
    for _ in range(_HALVINGS):
        theta = (low + high) / 2
        if 100 * _share_within(theta, df) < percent:
            low = theta
        else:
            high = theta
    return sqrt(df) * tan((low + high) / 2)


def _share_within(theta: float, df: int) -> float:
    """Compute the share of the distribution between -t and t, for t = sqrt(df) tan(theta)."""
    cosine, square = cos(theta), cos(theta) ** 2
    odd = df % 2
    term = cosine if odd else 1.0
    total = term if df > 1 else 0.0
    for k in range(2 + odd, df - 1, 2):
        term *= square * (k - 1) / k
        total += term
    return 2 / pi * (theta + sin(theta) * total) if odd else sin(theta) * total
