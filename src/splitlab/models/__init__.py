"""Torch modules that know their own loss."""
