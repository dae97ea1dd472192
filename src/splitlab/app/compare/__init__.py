"""The page Compare masks: on photos, on labelled images, and for the figures of the paper."""
