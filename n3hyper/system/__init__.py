"""Files, locks, signals and processes, as any program needs them; nothing here knows of fits."""
