"""The page Errors: how models of equal score differ, and the images behind each number."""
