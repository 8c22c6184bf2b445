"""The models of the benchmark on FastAPI and uvicorn, in the style of the platform's own example: an identity on
tensors, and pictures that are decoded and resized. The argument is the port."""

import base64
import io
import sys
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel

SIDE = 224


class Input(BaseModel):
    """An input of a request."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class Request(BaseModel):
    """A request."""

    id: str | None = None
    inputs: list[Input]


app = FastAPI()


@app.get("/ready")
def ready():
    """Returns readiness: there is nothing to load."""
    return {"ready": True}


@app.post("/identity")
def identity(request: Request):
    """Returns the input tensors."""
    outputs = []
    for given in request.inputs:
        data = np.asarray(given.data, np.float32).tolist() if given.datatype == "FP32" else given.data
        outputs.append({"name": given.name, "datatype": given.datatype, "shape": given.shape, "data": data})
    return {"model_name": "identity", "id": request.id or "", "outputs": outputs}


@app.post("/picture")
def picture(request: Request):
    """Resizes pictures and returns their mean brightness."""
    outputs = []
    for given in request.inputs:
        data = [brightness(text) for text in given.data]
        outputs.append({"name": given.name, "datatype": "FP32", "shape": [len(data)], "data": data})
    return {"model_name": "picture", "id": request.id or "", "outputs": outputs}


def brightness(text):
    """Decodes a picture from base64 and returns the mean of its pixels."""
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return float((np.asarray(small, np.float32) / 255).mean())


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
