"""The page Data: add a dataset, look at it, cut its val part, plan what to label, and build a split."""
