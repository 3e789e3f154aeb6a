"""Metrics: a number of each image, or of the set, from what each metric takes of a batch."""
