"""Recipes of the commands that scan: from a request to the files of a scan."""
