"""A labelling project: a folder with its photos' labels, its budget, and rounds of photos to label.

- `project`: the settings of a project, and its folder.
- `rounds`: batches of photos that were handed out, and labels that came back, as files.
- `progress`: what is labelled and paid for, the plan for the rest of the budget, and forecast against fact.
- `training`: the pilot and the run on all labels, as sweeps.
- `hand_over`: a batch as files for an annotation tool.
- `take_back`: labels that come back, merged photo by photo.
- `report`: the project as one HTML file.
"""
