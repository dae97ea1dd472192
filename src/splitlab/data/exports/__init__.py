"""A data set as COCO or YOLO files, for other tools."""
