"""Whether the aggregated codes look like the prior N(0, I), and which units carry information."""

import numpy as np

from zoo.metrics.measure import Measure

ACTIVE_VARIANCE = 0.01  # Burda et al.'s threshold


def latent_moments(codes):
    """Moments of the aggregated posterior q(z) = E_x q(z|x), from one draw an example.

    Args:
        codes: [N, d], z_n ~ q(z|x_n).

    Returns:
        {name: Measure}: `latent_mean_norm` (E |z|; about sqrt(d - 1/2) under N(0, I)),
        `latent_max_abs_mean` (0 under N(0, I)), `latent_min_std` and `latent_max_std` (1).
    """
    codes = np.asarray(codes, np.float64)
    mean, std = codes.mean(axis=0), codes.std(axis=0)
    what = "of the aggregated codes, one draw of q(z|x) an example"
    measured = {
        "latent_mean_norm": (np.linalg.norm(codes, axis=1).mean(), f"mean L2 norm {what}"),
        "latent_max_abs_mean": (np.abs(mean).max(), f"largest |mean| of a dimension {what}"),
        "latent_min_std": (std.min(), f"smallest standard deviation of a dimension {what}"),
        "latent_max_std": (std.max(), f"largest standard deviation of a dimension {what}"),
    }
    return {
        name: Measure(float(value), len(codes), protocol)
        for name, (value, protocol) in measured.items()
    }


def active_units(posterior_means, threshold=ACTIVE_VARIANCE):
    """The number of dimensions with Var_x(E[z_i|x]) > threshold.

    Args:
        posterior_means: [N, d], E[z|x_n].
        threshold: float.

    Reference: Burda et al., Importance Weighted Autoencoders, arXiv 1509.00519, section 5.2.
    """
    variance = np.asarray(posterior_means, np.float64).var(axis=0)
    protocol = (
        f"of {variance.size} dimensions those whose posterior mean has a variance over examples "
        f"above {threshold:g}"
    )
    return Measure(float((variance > threshold).sum()), len(posterior_means), protocol)
