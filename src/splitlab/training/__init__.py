"""Training: from a dataset, a split and settings to a checkpoint.

- `experiment`: one training run from its spec to its scored checkpoint
- `start`: data, model and start weights; `anchors`: box anchors fitted to the data
- `mixed_batches`: augmented batches that mix F and W
- `loop`, `schedule`, `state`, `run_log`: training steps, learning rate and stages, saved state, log
- `batch_loss`, `fused_batch`: what each part of the loss takes from each image of a batch
- `few_shot`: few-shot training runs
"""
