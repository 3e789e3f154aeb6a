"""Encoders: images to features."""
