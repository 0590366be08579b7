"""From theory folders to predictions: FK tables, K-factors, PDF sets and the stack of a fit."""
