"""Commands that fit replicas and evolve them."""
