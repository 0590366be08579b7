"""The files of a replica in the formats of n3fit."""
