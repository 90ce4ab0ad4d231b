"""Us against the alternatives, measured in one run: see __main__.py."""
