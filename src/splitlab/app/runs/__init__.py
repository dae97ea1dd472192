"""The page Runs: the table of training runs, what can be done with them, and their curves and notes."""
