"""What the NEM is. Pure: no disk, no network, no clock."""
