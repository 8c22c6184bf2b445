"""Writes `reference.json`: what PyTorch computes with the same weights, for the test `photographs`.

Needs torch 1.13, torchvision 0.14 and Pillow, and the weights of `fetch`.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.models import mobilenet_v2

here = Path(__file__).resolve().parent
example = here.parent.parent
labels = json.loads((example / "model/class_labels.json").read_text())
net = mobilenet_v2()
net.load_state_dict(torch.load(example / "model/mobilenet_v2.pth"))
net.eval()


def logits(values):
    """Returns the logits of an image `[3, 224, 224]` with values from 0 to 255."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        return net((torch.from_numpy(values.astype(np.float32))[None] / 255 - mean) / deviation)[0]


def photograph(path):
    """Returns the middle of a photograph, as the engine reads it."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    image = image.resize((224, 224), Image.BILINEAR, box=(left, top, left + side, top + side))
    return np.asarray(image).transpose(2, 0, 1)


def best(path):
    """Returns the five best labels with their probabilities."""
    probabilities = logits(photograph(path)).softmax(0)
    return [[labels[i], round(probabilities[i].item(), 6)] for i in probabilities.topk(5).indices]


c, y, x = np.meshgrid(np.arange(3), np.arange(224), np.arange(224), indexing="ij")
pattern = (101 * c + 37 * y + 59 * x + x * y) % 256
photographs = sorted((example / "samples").glob("*.jpg"))
(here / "reference.json").write_text(
    json.dumps(
        {
            "pattern": [round(value, 6) for value in logits(pattern).tolist()],
            "photographs": {path.name: best(path) for path in photographs},
        }
    )
    + "\n"
)
