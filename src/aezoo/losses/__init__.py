"""Loss terms: ``(output, images, context) -> (b,)``, a sum over pixels or latent dimensions for each image."""
