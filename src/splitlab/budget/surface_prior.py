"""What is known of an AP surface before a result is seen: the shape the published tables have in common.

Wide enough to let a table of twelve rows speak for itself, and all there is to go by with one to three runs. How the
figures were chosen, and how well they do: docs/decisions/0102-ap-surface.md.
"""

import numpy as np

from splitlab.budget.ap_surface import Floats

# In the order of ApSurface's attributes: level, log_mask_gain, log_image_gain, log_knee, saturation.
# The level is as good as unknown: it is a data set's own.
PRIOR_MEAN: Floats = np.array([0.0, -1.5, -0.8, 5.8, 0.3])
PRIOR_SD: Floats = np.array([3.0, 1.0, 1.0, 1.0, 0.5])

PARAMETERS_LOW: Floats = np.array([-10.0, -6.0, -6.0, 2.3, 0.0])
PARAMETERS_HIGH: Floats = np.array([10.0, 3.0, 3.0, 11.5, 3.0])

PRIOR_NOISE = 0.7
"""Standard deviation of one training about the surface, AP, as the published rows show it."""

PRIOR_NOISE_RUNS = 2
"""How many runs that guess of the noise counts for."""

# The luck that all runs of one seed share, before pairs of seeds are seen; from the splits that the atlas trained with
# seeds 0 and 1 (12 of the embedded scenes, 12 of pets, 4 of street). Details: docs/decisions/0105-seed-luck.md.
PRIOR_LUCK_RATIO = 2.5
"""Standard deviation of a seed's luck, in units of the noise of a run; pets show 0.5, the embedded scenes 2.1."""

PRIOR_LUCK_MOST = 2.3
"""The largest standard deviation of luck that is assumed before pairs are seen, AP; pets show 1.3, the scenes 2.8."""

PRIOR_LUCK_SHARE = 0.1
"""And as a share of the mean score: models that find little cannot differ by much."""

PRIOR_LUCK_SEEDS = 2
"""How many degrees of freedom that guess counts for."""
