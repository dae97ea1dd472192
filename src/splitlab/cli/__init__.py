"""The command line: `command_order` lists the commands; each module holds those of one subject."""
