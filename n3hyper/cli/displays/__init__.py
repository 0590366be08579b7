"""Displays in the terminal while a scan or a fit runs."""
