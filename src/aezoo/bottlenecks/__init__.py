"""Bottlenecks: features to a `Latent`, and the mathematics of its distribution."""
