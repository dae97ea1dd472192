"""Figures that only lessons show: one idea each."""
