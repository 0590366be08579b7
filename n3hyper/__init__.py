"""n3hyper: hyperparameter scans of neural-network fits of parton distribution functions."""

__version__ = "0.1.0"
