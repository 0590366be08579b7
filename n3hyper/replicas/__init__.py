"""The final fit: replicas whose setups are drawn from an ensemble, from the runcard to its folder."""
