"""A model of `models.py` as a Python engine: FastAPI and uvicorn, in the style of the platform's own example.

server.py MODEL FOLDER PORT"""

import sys
from pathlib import Path
from typing import Any

import models
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Input(BaseModel):
    """An input of a request."""

    name: str
    datatype: str = "BYTES"
    shape: list[int] = []
    data: list[Any]


class Request(BaseModel):
    """A request."""

    id: str | None = None
    inputs: list[Input]
    parameters: dict[str, Any] = {}


name, folder, port = sys.argv[1:]
model = models.load(name, Path(folder))
app = FastAPI()


@app.get("/ready")
def ready():
    """Returns readiness: the model is loaded before the server starts."""
    return {"name": name, "ready": True}


@app.post("/infer")
def infer(request: Request):
    """Runs the model, on a thread of the pool."""
    outputs = model.infer([given.model_dump() for given in request.inputs], request.parameters)
    return {"model_name": name, "id": request.id or "", "outputs": outputs}


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
