"""Datasets: photos, labels and splits.

- `dataset`, `masks`, `images`, `classes`: the parts of a dataset
- `open_dataset`, `reading`, `formats`, `label_files`: open a dataset in any known format
- `split`, `few_shot_split`, `saved_splits`: draw, save and read F/W splits
- `selection`: cut a val part, plan what to label, find near-duplicates
- `check`, `fit_for_training`: find what is wrong before it costs a training run
- `import_dataset`, `exports`, `archives`, `known_datasets`: get data in and out
- `file_index`: what was computed from files, kept until they change
- `scenes`: the embedded dataset, drawn by a program
"""
