"""A stand-in for the collector that users move away from: plain pandas, a process of its own, with its habits and its faults.

    python -m aemo_ops.replica.legacy unified_collector --data FOLDER --url NEMWEB [--clock FILE] [--variant NAME ...]

The first word is only there to be seen in the list of processes, as the real one is. Nothing here is a pattern for anything:
it loses rows, freezes half hours and tears files the way that one did, so that moving away from it is tested for real.
"""
