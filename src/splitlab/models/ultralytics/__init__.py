"""Ultralytics' segmentation models, with a loss that masks of box-only images cannot reach."""
