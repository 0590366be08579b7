"""What the terminal shows while a scan or a fit runs."""
