"""Maker of theories: from a theory card and the names of datasets to a folder of FK tables.

`make.make_theory` is the recipe. It needs the extra ``n3hyper[theory]`` (yadism for the DIS
coefficient functions, eko for the evolution); nothing is imported from them before it is used.

cards                theory card -> cards of yadism and eko
kinematics           dataset of nnpdf_data -> the tables it needs, and what each of their rows is
schemes              flavour-number scheme -> the signed terms it is made of
structure_functions  yadism: F2, FL, xF3 of a proton at given points, as arrays
heavy_loops          massive quarks radiated from light ones, corrected
folding              integrals of coefficient functions with the interpolation polynomials
target_mass          target-mass corrections
proton               all of these combined: structure functions over PDFs at Q0
cross_sections       structure functions -> the measured cross section, on its nucleus
rematching           coefficients over PDFs of another number of flavours
evolution            eko: operators at a few scales, interpolated to all others
truncated            eko's truncated solution at NNLO, corrected
partons              rows that are PDFs themselves (positivity, integrability)
fktables             coefficients x evolution -> FK tables in PineAPPL format
sum_rules            momentum and valence, which the evolution must conserve
provenance           a table's record of how it was made
check                comparison of other theories' tables with those computed here
"""

from n3hyper.theory_maker.make import make_theory

__all__ = ["make_theory"]
