"""The hyperparameter scan: search space, stores of trials, penalties and rewards."""
