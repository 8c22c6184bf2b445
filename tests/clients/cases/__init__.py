"""What real clients do with the examples: run by `run.py` in the clients' virtual environment, as `python -m cases`."""
