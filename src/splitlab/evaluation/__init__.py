"""Detections on real images, and their COCO scores."""
