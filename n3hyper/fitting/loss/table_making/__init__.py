"""Makers of the tables that the loss reads."""
