"""The example `digits` as a Python engine: FastAPI and uvicorn, in the style of the platform's own example, with the
same weights computed by numpy. It takes images as elements of BYTES and implements `predict`. The arguments are the
port and the model directory."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from PIL import Image
from pydantic import BaseModel

SIDE = 8


def tensors(path):
    """Reads the tensors of a safetensors file of F32, by name."""
    file = path.read_bytes()
    end = 8 + int.from_bytes(file[:8], "little")
    head = json.loads(file[8:end])
    head.pop("__metadata__", None)
    return {
        name: np.frombuffer(file[end + of["data_offsets"][0] : end + of["data_offsets"][1]], "<f4").reshape(of["shape"])
        for name, of in head.items()
    }


def convolution(x, weight, bias):
    """Applies a 3x3 convolution that preserves the size, and ReLU."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    return np.maximum(np.einsum("nchwij,ocij->nohw", windows, weight) + bias[None, :, None, None], 0)


def ink(images):
    """Separates ink and background and stretches the contrast, like `src/ink.rs` of the example."""
    flat = images.reshape(len(images), -1)
    darkest = flat.min(1, keepdims=True)
    stretched = (flat - darkest) / np.maximum(flat.max(1, keepdims=True) - darkest, 1 / 32)
    outermost = np.pad(np.zeros((SIDE - 2, SIDE - 2), bool), 1, constant_values=True).ravel()
    ground = np.sort(stretched[:, outermost], 1)[:, outermost.sum() // 2, None]
    return np.where(ground > 0.5, 1 - stretched, stretched).reshape(images.shape)


class Digits:
    """The network."""

    def __init__(self, model):
        self.weights = tensors(model / "model.safetensors")
        labels = json.loads((model / "class_labels.json").read_text())
        self.labels = sorted(labels, key=labels.get)

    def layer(self, name):
        """Returns the weight and the bias of a layer."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    def predict(self, images):
        """Classifies images [n, 1, 8, 8]."""
        x = convolution(ink(images), *self.layer("edges"))
        x = convolution(x, *self.layer("strokes"))
        x = x.reshape(*x.shape[:2], SIDE // 2, 2, SIDE // 2, 2).max((3, 5))
        x = convolution(x, *self.layer("shapes"))
        weight, bias = self.layer("digit")
        return [self.labels[best] for best in (x.reshape(len(x), -1) @ weight.T + bias).argmax(1)]


def image(text):
    """Decodes an image from base64, as the input of the network."""
    grey = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("L")
    small = grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32)[None] / 255


class Input(BaseModel):
    """An input of a request."""

    name: str
    data: list[str]


class Request(BaseModel):
    """A request."""

    id: str | None = None
    inputs: list[Input]


app = FastAPI()
digits = Digits(Path(sys.argv[2]))


@app.get("/ready")
def ready():
    """Returns readiness: the model is loaded before the server starts."""
    return {"name": "digits", "ready": True}


@app.post("/infer")
def infer(request: Request):
    """Classifies every image of every input."""
    outputs = []
    for given in request.inputs:
        try:
            images = np.stack([image(text) for text in given.data])
        except (OSError, ValueError) as error:
            raise HTTPException(400, f"input '{given.name}': {error}") from None
        data = digits.predict(images)
        outputs.append({"name": given.name, "datatype": "BYTES", "shape": [len(data)], "data": data})
    return {"model_name": "digits", "id": request.id or "", "outputs": outputs}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
