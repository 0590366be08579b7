"""Files of a scan: what they hold, and how they are read, checked and mended."""
