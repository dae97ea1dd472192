"""Run folders and checkpoints: everything that outlives a process."""
