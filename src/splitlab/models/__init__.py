"""Model families.

- `contract`: what every family provides; the rules of a family stand here
- `registry`: the names of models, one line for each family; building and loading
- `yolov5`, `ultralytics`, `detr`: one package for each family
- `foreign`: checkpoints from other projects, read without running their code
"""
