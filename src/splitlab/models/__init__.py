"""Model families.

- `contract`: the interface of a model
- `registry`: build models by name, load checkpoints
- `yolov5`, `ultralytics`, `detr`: one package per family
- `foreign`: read checkpoints of other projects without running their code
- `imports`, `checkpoint_repository`, `onnx_export`: import, download, upload and export checkpoints
- `precision`: devices and number formats
"""
