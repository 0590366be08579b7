"""Fits of replicas carried out, in this process or through a database."""
