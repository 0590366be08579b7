"""Catalogue of what nnpdf_data has, for those who write runcards."""
