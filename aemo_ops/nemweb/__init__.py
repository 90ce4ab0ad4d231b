"""Where rows come from: reads AEMO's site, never our files."""
