"""Checkpoints from other projects: pickles are read by an own parser in a child process; their code never runs."""
