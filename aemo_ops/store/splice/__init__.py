"""The file that never slows down: replace the few row groups that new rows meet, whatever the file's length."""
