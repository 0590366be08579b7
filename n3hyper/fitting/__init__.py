"""Batched fit in TensorFlow: folds x replicas are trained as one computation."""
