"""Evolution operators, made by eko."""
