"""Processes of a parallel scan: the worker and the fleet of workers on a host."""
