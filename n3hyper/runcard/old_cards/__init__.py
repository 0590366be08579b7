"""Forms of runcards that are no longer written, and what they are now."""
