"""Detections, scores and comparison of models.

- `predict`, `detections`: from a model and photos to detections
- `scores`: COCO AP of masks and boxes
- `matches`, `errors_by_kind`, `curves`: errors, what they cost, calibration
- `comparison`, `compare_models`, `disagreement`: several models on the same images
- `class_map`, `asked_class_map`, `known_classes`: the classes of a checkpoint as classes of a dataset
- `model_internals`: attention and prototypes
"""
