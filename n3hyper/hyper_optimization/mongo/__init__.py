"""The database of a parallel scan: its server, its address, its jobs and what is kept of them."""
