"""Benchmarks: programs to be run, not tests (a timed test fails on a busy machine)."""
