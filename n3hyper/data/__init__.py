"""From files to arrays: data, cuts, covariances, FK tables, replicas, masks and folds."""
