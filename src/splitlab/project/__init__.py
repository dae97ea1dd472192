"""A labelling project: a folder with its photos' labels, its budget, and rounds of photos to label.

- `project`: the settings of a project, its folder and its dataset.
- `rounds`: batches of photos that were handed out, and labels that came back, as files.
- `training`: the pilot and the run on all labels, as sweeps.
- `hand_over`: a batch as files for an annotation tool.
- `incoming`: labels that come back, read and compared with the project's.
- `take_back`: the same merged into the project, and their hours booked.
- `standing`: what is labelled and paid for, the plan for the rest of the budget, and forecast against fact.
- `choice`: the photos of the next round.
- `report`: the project as one HTML file.
"""
