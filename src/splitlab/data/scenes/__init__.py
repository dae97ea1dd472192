"""The embedded data set: scenes under water, drawn on first use."""
