"""Reading label files from outside: records of photos, and what readers of formats share."""
