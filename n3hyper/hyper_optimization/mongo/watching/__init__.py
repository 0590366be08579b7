"""Views of the scans in a database for those who look on."""
