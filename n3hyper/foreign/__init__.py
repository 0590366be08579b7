"""Files that anybody may have written, read within bounds: of size, depth and number of values.

What stands here knows nothing of scans and fits: it turns bytes into plain Python values, and
refuses what would take gigabytes, or no end of time, before the work begins. Nothing in a file
runs.
"""
