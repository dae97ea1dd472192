"""Choosing images: a val part, photos to label, and near-duplicates to keep together."""
