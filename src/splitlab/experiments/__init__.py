"""Split, train and evaluate as one run."""
