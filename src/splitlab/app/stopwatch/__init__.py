"""Stopwatch: label a few objects against the clock, and get prices of your own; `page` shows the page."""
