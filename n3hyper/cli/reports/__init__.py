"""The command `report`: which trials are read, and what is written."""
