"""Likelihoods: the decoder's parameter maps to images, and the probability of images given them."""
