"""AEMO Ops: NEMWEB reports become rows, rows become parquet files, files become answers on a screen."""

__version__ = "0.1.0"
