"""Read checkpoints of other projects in a child process; their code never runs."""
