"""Detections, scores and comparison of models.

- `predict`, `detections`: from a model and photos to detections
- `scores`: COCO AP of masks and boxes
- `matches`, `errors_by_kind`, `curves`, `disagreement`: how errors differ
- `comparison`, `compare_models`: several models on the same images
- `class_map`, `asked_class_map`: the classes of a checkpoint as classes of a dataset
"""
