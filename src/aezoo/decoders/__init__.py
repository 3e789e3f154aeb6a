"""Decoders: ``z`` to the parameter maps of the likelihood, of most the logits or the means."""
