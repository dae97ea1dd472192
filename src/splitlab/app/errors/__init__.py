"""The page Errors by split: how models of equal score differ, and the images behind each number."""
