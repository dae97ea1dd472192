"""Grids of training runs measured here, and what they say about the paper's observations.

- `grid`, `plans`: which splits of which dataset are trained, with which settings
- `work`, `measure`: train and measure them; a stopped measurement goes on where it was
- `rows`: the measured rows as files
- `noise`, `law`, `score_observations`, `mask_observations`: statistics on the rows
- `tables`, `advice`: verdicts and advice, as the app and the command line show them
- `few_shot`: the measured few-shot table
"""
