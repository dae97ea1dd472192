"""One reader for each format, all into the one Dataset."""
