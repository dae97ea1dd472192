"""Mixed batches and the one training loop."""
