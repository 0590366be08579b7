"""The trials of scans, as their files have them: found, read, filtered, scored again."""
