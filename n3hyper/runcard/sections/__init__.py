"""The sections of a runcard, each read and checked by a file of its own."""
