"""Page of a scan as one file that needs no network, and the server that keeps it current."""
