"""Priors: the distribution of ``z`` that a model samples from, and how far a posterior is from it."""
