"""Data sets out of archives from elsewhere, hostile until read."""
