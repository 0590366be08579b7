"""The final fit: replicas with setups of an ensemble, from the runcard to the fit folder."""
