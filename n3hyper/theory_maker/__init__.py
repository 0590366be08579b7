"""The maker of theories: from a theory card and the names of datasets to a folder of FK tables.

`make.make_theory` is the recipe. It needs the extra ``n3hyper[theory]`` (yadism for the DIS
coefficient functions, eko for the evolution); nothing is imported from them before it is used.

cards                theory card -> what yadism and eko are told
kinematics           a dataset of nnpdf_data -> the tables it needs, and what each row of them is
schemes              a flavour-number scheme -> the signed terms it is made of
structure_functions  yadism: F2, FL, xF3 of a proton at given points, as arrays
heavy_loops          massive quarks from light ones, mended
folding              integrals of coefficient functions with the interpolation polynomials
target_mass          target-mass corrections
proton               all of these put together: structure functions over PDFs at Q0
cross_sections       structure functions -> what was measured, and on which nucleus
rematching           coefficients over PDFs of another number of flavours
evolution            eko: operators at a few scales, interpolated to all others
truncated            eko's truncated solution at NNLO, mended
partons              rows of PDFs themselves (positivity, integrability)
fktables             coefficients x evolution -> FK tables in PineAPPL format
sum_rules            what the evolution must conserve
provenance           what a table says of how it was made
check                tables of other theories against what is computed here
"""

from n3hyper.theory_maker.make import make_theory

__all__ = ["make_theory"]
