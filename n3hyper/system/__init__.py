"""Files, locks, signals and processes, as any program needs them; nothing here depends on fits."""
