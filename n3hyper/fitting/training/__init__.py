"""The training of all models of a trial: the compiled step, its batches and its lanes."""
