"""What the files of a scan hold, and how they are read, checked and mended."""
