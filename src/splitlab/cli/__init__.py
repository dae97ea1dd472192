"""The command line: `main` lists the commands, each other module holds the commands of one subject."""
