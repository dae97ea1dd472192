"""Sweeps: many training runs from one plan file, with a forecast of their time."""
