"""The models that torch computes, as their packages document them. `models.py` imports it."""

import base64
import io
import json

import numpy
import torch
from PIL import Image

# As for the sessions of ONNX Runtime: several calls do not compete for the cores.
torch.set_num_threads(1)


def photograph(given):
    """Returns the photograph of an input."""
    return Image.open(io.BytesIO(base64.b64decode(given["data"][0]))).convert("RGB")


def outputs(inputs, values):
    """Returns an output for each input."""
    return [
        {"name": given["name"], "datatype": "BYTES", "shape": [1], "data": [value]} for given, value in zip(inputs, values)
    ]


class ImageClassification:
    """MobileNetV2 of torchvision: all photographs of a request are one call."""

    MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

    def __init__(self, folder):
        from torchvision.models import mobilenet_v2

        self.net = mobilenet_v2()
        self.net.load_state_dict(torch.load(folder / "mobilenet_v2.pth"))
        self.net.eval()
        self.labels = json.loads((folder / "class_labels.json").read_text())

    def infer(self, inputs, parameters):
        """Returns the best label of each photograph."""
        with torch.inference_mode():
            best = self.net(self.tensor(inputs)).argmax(1).tolist()
        return outputs(inputs, [self.labels[index] for index in best])

    def tensor(self, inputs):
        """Returns the middles of the photographs."""
        pixels = numpy.stack([self.middle(photograph(given)) for given in inputs])
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.MEAN, self.DEVIATION))
        return (tensor - mean) / deviation

    def middle(self, image):
        """Returns the square in the middle of a photograph, as 224 x 224 pixels."""
        side = min(image.size)
        left, top = ((length - side) / 2 for length in image.size)
        return numpy.asarray(image.resize((224, 224), Image.BILINEAR, box=(left, top, left + side, top + side)))

    def call(self, inputs):
        """Returns a function that runs the model on the photographs of a request."""
        tensor = self.tensor(inputs)

        def run():
            with torch.inference_mode():
                self.net(tensor)

        return run


class FaceDetection:
    """MTCNN of facenet-pytorch, which has the same weights in its package: a call for each photograph."""

    def __init__(self, folder):
        from facenet_pytorch.models.mtcnn import MTCNN

        self.net = MTCNN(keep_all=True, post_process=False, device="cpu").eval()

    def infer(self, inputs, parameters):
        """Returns the faces in each photograph."""
        return outputs(inputs, [self.faces(photograph(given)) for given in inputs])

    def faces(self, image):
        """Returns the faces in a photograph, as Chariot's detections."""
        boxes, scores, points = self.net.detect(image, landmarks=True)
        faces = []
        for box, score, face in zip(*([] if boxes is None else one for one in (boxes, scores, points))):
            edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), box.tolist()))
            keypoints = [{"x": x, "y": y} for x, y in face.tolist()]
            faces.append({"label": "face", "score": float(score), **edges, "keypoints": keypoints})
        return faces

    def call(self, inputs):
        """Returns a function that runs the model on the photographs of a request."""
        images = [photograph(given) for given in inputs]
        return lambda: [self.net.detect(image, landmarks=True) for image in images]


MODELS = {"face-detection": FaceDetection, "image-classification": ImageClassification}
