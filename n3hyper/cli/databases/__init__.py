"""The commands of a parallel scan: the database and its workers."""
