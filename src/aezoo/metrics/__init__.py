"""Metrics: ``Measured -> (b,)``, one value an image, averaged over images by `aezoo.metrics.evaluation`."""
