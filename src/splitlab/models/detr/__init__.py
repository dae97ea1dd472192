"""DETR in two stages: boxes on F and W, then the mask head on F."""
