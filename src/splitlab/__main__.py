"""`python -m splitlab` is the `splitlab` command."""

from splitlab.cli.main import main

main()
