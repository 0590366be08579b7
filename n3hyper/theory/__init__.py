"""Predictions from theory folders: FK tables, K-factors, PDF sets and the stack of a fit."""
