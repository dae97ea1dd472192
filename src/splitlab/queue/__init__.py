"""The queue of training runs: entries on disk, workers of this machine, and a Ray cluster for more machines."""
