"""Annotation budgets: from prices and results to the split to label.

- `label_prices`: what others measured or charge for labels, presets made of it, prices per object or in money
- `stopwatch`, `timed_files`: prices from a few timed labels, of one annotator or of a class
- `cost`: prices of masks and boxes, annotation cost, the pool of images
- `results`, `published`: results as tables; the tables of the paper
- `surface`, `fit`: AP as a function of |F| and |W|, fitted with its uncertainty
- `law`: the equiscore law |W| = k phi0^2 / |F|
- `planner`, `plan_answer`, `plan_in_words`: the best split for given hours, or the cheapest for a given score
- `mix_or_masks`: whether mixed splits or masks alone are cheaper, by the price ratio
- `pilot`, `trained_splits`, `next_step`: plans from your own training runs
- `claims`: the claims of the paper, checked against its tables
"""
