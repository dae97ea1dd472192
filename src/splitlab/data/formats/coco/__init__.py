"""COCO: label files, their classes, images and objects."""
