"""YOLO: what names the classes and parts, and a text file of labels for each photo."""
