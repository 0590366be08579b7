"""Page of a scan for a browser: its text, its data, and the server that keeps it up to date."""
