"""What several pages show: links, tables, photos, checkpoints, mask panels."""
