"""Masks learnt from boxes alone, for runs whose `weak_masks` is not `ignore`.

`windows` cuts maps around boxes; `projection` and `teacher` are the two ways; `lesson` puts them together.
"""
