"""`python -m splitlab` is the `splitlab` command."""

from splitlab.cli import main

main()
