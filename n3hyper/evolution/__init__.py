"""Evolution of fitted PDFs from Q0 to a grid of scales, and PDF sets in LHAPDF's format.

Splitting functions, solutions of the evolution equations, matching at thresholds and the strong
coupling are eko's, the files are written by ekobox (extra ``theory``).
"""
