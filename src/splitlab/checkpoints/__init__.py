"""Checkpoints: a folder with a card and weights.

- `checkpoint`: read and write cards and checkpoints
- `weights`: weights as safetensors, in 8 or 16 bits
- `scores`: the scores on a card
- `files`: sizes, checksums, the card in words, and publishing a training run
"""
