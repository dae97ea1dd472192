"""Checkpoints: a card and weights in a folder.

- `checkpoint`: the card, reading and writing a checkpoint
- `weights`: weights as safetensors, in 8 bits or as trained
- `scores`: the scores on a card
- `files`: the files of a checkpoint with their sizes and sums
- `publish`: the folder that is shared
"""
