"""Reports of scans and fits: tables, figures, pages and runcards, made from recorded trials."""
