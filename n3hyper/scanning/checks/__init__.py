"""Recipes of ``n3hyper check``: read all that a scan or a fit needs, measure, and write nothing."""
