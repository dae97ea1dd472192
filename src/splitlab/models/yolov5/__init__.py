"""YOLOv5-seg, with a mask loss that skips box-only images."""
