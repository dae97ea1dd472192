"""Commands for datasets and splits."""
