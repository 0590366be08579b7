"""How a scan or a fit stands while it runs: what other terminals can ask for."""
