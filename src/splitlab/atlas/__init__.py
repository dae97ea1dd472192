"""Grids of training runs measured with SplitLab, and what they say about the paper's observations.

- `grid`, `plans`: which splits of which dataset are trained, with which settings
- `work`: train and measure them; an interrupted measurement can be continued
- `rows`: the measured rows as files
- `noise`, `law`, `score_observations`, `mask_observations`: statistics on the rows
- `tables`, `advice`: verdicts and recommendations, as the app and the command line show them
- `few_shot`: the measured few-shot table
- `replay`, `replay_verdict`: which photos to label next, replayed on labelled ones, and what that says
"""
