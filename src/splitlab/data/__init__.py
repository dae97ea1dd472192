"""Images and labels: readers into one Dataset, and the split of it into F and W."""
