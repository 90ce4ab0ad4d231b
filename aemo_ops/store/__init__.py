"""Where rows live: one parquet file per dataset, the ledger of files read, the state, the leases."""
