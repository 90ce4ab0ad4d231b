"""What keeps the data whole: collectors, their engine, freshness."""
