"""The page My project: create a project, plan it, hand batches over and take labels back."""
