"""The move from the old folder to the new one, without losing a row."""
