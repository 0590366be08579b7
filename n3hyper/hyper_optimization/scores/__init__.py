"""Scores of a trial: metrics of its fits, the parts of its loss, and reasons of failures."""
