"""Files turned into arrays: data, cuts, covariances, FK tables, replicas, masks and folds."""
