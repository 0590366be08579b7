"""Maker of the stored numbers of the folder above; `__main__.py` says how to run it."""
