"""Data sets from elsewhere: downloads and archives, hostile until read."""
