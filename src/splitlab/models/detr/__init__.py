"""DETR with its mask head, parameter names equal to facebookresearch/detr's."""
