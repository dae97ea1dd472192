"""Training runs: their settings, their folders, and the store of all runs of a workspace."""
