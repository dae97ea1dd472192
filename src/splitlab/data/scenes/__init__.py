"""The embedded dataset: underwater scenes that a program draws, with exact masks."""
