"""Datasets: photos, labels and splits.

- `dataset`, `masks`, `images`, `classes`: the parts of a dataset
- `open_dataset`, `reading`, `formats`: open a dataset in any known format
- `split`, `few_shot_split`, `saved_splits`: draw, save and read F/W splits
- `photo_hashes`, `near_duplicates`, `file_index`: find photos that show nearly the same
- `val_cut`, `herding`: cut a val part from train
- `labelling_plan`: plan which photos to label, and how
- `check`, `fit_for_training`: find what is wrong before it costs a training run
- `exports`, `archives`, `known_datasets`: get data in and out
- `scenes`: the embedded dataset, drawn by a program
"""
