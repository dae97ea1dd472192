"""What our own grid of runs says of the paper's observations. Tables in, verdicts out."""
