"""Processes of a parallel scan: the worker, the fleet of workers on a host, the scan's driver."""
