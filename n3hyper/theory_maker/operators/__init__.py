"""Evolution operators, computed by eko."""
