"""What a dataset's file must be: everything that is wrong with one, and its normal form."""
