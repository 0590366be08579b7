"""Trials of a report: found, read, selected and scored again."""
