"""The atlas: a grid of runs, each measured once on images that no choice has seen, kept as rows in the package."""
