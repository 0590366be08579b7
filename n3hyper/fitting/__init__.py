"""The batched fit in TensorFlow: folds x replicas trained as one computation."""
