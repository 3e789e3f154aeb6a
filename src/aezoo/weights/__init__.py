"""Weights: the model folder, and where the bytes of a tag are found."""
