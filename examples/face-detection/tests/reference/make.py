"""Writes `reference.json`: the faces that facenet-pytorch finds in the photographs of `samples/`, for the test `faces`.

Needs facenet-pytorch 2.6, torch 1.13, torchvision 0.14 and Pillow.
"""

import json
from pathlib import Path

from facenet_pytorch.models.mtcnn import MTCNN
from PIL import Image

here = Path(__file__).resolve().parent
net = MTCNN(keep_all=True, post_process=False, device="cpu").eval()
found = {}
for path in sorted((here.parent.parent / "samples").glob("*.jpg")):
    boxes, scores, points = net.detect(Image.open(path).convert("RGB"), landmarks=True)
    faces = [] if boxes is None else zip(boxes.tolist(), scores.tolist(), points.tolist())
    found[path.name] = [{"box": box, "score": score, "points": points} for box, score, points in faces]
(here / "reference.json").write_text(json.dumps(found, indent=1) + "\n")
