"""Exports of a dataset, or of a model's predictions, in formats that other tools read: a module per format."""
