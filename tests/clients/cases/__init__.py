"""Tests of the examples with real clients. `run.py` runs them as `python -m cases` in the virtual environment."""
