"""The next photos to label: which get masks, which get boxes, which are left.

- `batch`: choose them for numbers that a planner gives
- `strategies`: the ways to choose, behind one interface; `candidates`: what they choose from
- `signs`: what trained models show in photos; `features`: how photos look; `photo_rows`: both kept on disk
- `nearest`: how far photos are from those that are labelled
"""
