"""What ``n3hyper check`` does: read all that a scan or a fit needs, measure, and write nothing."""
