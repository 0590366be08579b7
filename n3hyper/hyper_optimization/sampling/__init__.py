"""The search space as expressions of hyperopt, its points, and what draws them."""
