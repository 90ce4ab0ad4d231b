"""This computer: its disks, and the programs that run on it."""
