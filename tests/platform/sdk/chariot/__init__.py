"""A stand-in for the platform's Python SDK. It has the documented names and nothing else, refuses every argument that the
documentation does not show, and prints each call as a line of JSON."""
