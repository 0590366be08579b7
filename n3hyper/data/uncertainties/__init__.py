"""The covariances of a fit: those of the data, and what theory adds to them."""
