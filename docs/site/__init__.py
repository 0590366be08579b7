"""Builds the site: reference pages that are made from the code, and a check of all links."""
