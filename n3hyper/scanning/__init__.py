"""What the commands that scan do: from a request to the files of a scan."""
