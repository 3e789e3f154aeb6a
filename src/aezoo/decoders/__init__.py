"""Decoders: ``z`` to logits."""
