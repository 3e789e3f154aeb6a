"""Training: a recipe and a model's spec become a model folder."""
