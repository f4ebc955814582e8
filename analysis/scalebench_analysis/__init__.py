"""Reads the result files of scalebench (SCHEMA.md) and draws them."""

__version__ = "0.1.0"
