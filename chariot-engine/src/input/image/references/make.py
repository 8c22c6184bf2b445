"""Writes the numbers that the tests of images and boxes compare with, always the same ones. Needs the packages of
requirements.txt, of which SAHI is installed without the packages that it asks for:

    python3 -m venv venv && venv/bin/pip install --no-deps --require-hashes -r requirements.txt && venv/bin/python make.py

Where torchvision is installed too, its non-maximum suppression is compared with the one of this script.
"""

import base64
import io
import json
from pathlib import Path

import cv2
import numpy
import shapely
from PIL import Image, ImageOps
from sahi.postprocess.combine import GreedyNMMPostprocess
from sahi.prediction import ObjectPrediction
from sahi.slicing import get_slice_bboxes
from skimage import exposure

HERE = Path(__file__).resolve().parent
TASKS = HERE.parents[2] / "tasks"
RANDOM = numpy.random.default_rng(15)


def write(path, value):
    """Writes JSON with a line for each case."""
    text = ",\n".join(f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]" for name, cases in value.items())
    path.write_text("{\n" + text + "\n}\n")


# Pictures.

GRAY = numpy.clip(RANDOM.normal(110, 35, (9, 13)), 0, 255).astype(numpy.uint8)
COLOR = numpy.clip(RANDOM.normal([60, 120, 200], 25, (8, 12, 3)), 0, 255).astype(numpy.uint8)
DEEP = numpy.clip(RANDOM.normal(3000, 700, (9, 13)), 0, 65535).astype(numpy.uint16)


PICTURES = {"gray": GRAY, "color": COLOR, "deep": DEEP}


def picture(pixels):
    height, width = pixels.shape[:2]
    return {"width": width, "height": height, "values": pixels.flatten().tolist()}


def channels(pixels, convert):
    if pixels.ndim == 2:
        return convert(pixels)
    return numpy.stack([convert(numpy.ascontiguousarray(pixels[..., channel])) for channel in range(3)], axis=-1)


def stretched(pixels, low, high):
    def convert(channel):
        values = channel.astype(numpy.float64)
        limits = tuple(numpy.percentile(channel, (low, high)))
        top = float(numpy.iinfo(channel.dtype).max)
        return numpy.rint(exposure.rescale_intensity(values, in_range=limits, out_range=(0.0, top))).astype(channel.dtype)

    return channels(pixels, convert)


def pictures():
    area, contrast, clahe, region = [], [], [], []
    for name, pixels in PICTURES.items():
        for size in ((6, 4), (5, 4), (6, 3), (3, 2), (1, 1), (11, 7)):
            resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            area.append({"from": name, "to": picture(resized)})
    for name, pixels in PICTURES.items():
        for low, high in ((0, 100), (2, 98), (12.5, 80)):
            contrast.append({"from": name, "low": low, "high": high, "to": picture(stretched(pixels, low, high))})
        for clip, grid in ((2.0, (2, 2)), (40.0, (8, 8)), (0.0, (3, 2)), (3.5, (1, 4))):
            equalized = channels(pixels, cv2.createCLAHE(clip, grid).apply)
            clahe.append({"from": name, "clip": clip, "grid": grid, "to": picture(equalized)})
    for box in ((2, 1, 9, 7), (-3, -2, 6, 5), (8, 4, 20, 13), (-5, 3, 18, 6)):
        region.append({"from": "gray", "box": box, "to": picture(numpy.asarray(Image.fromarray(GRAY).crop(box)))})
    sources = [{"name": name, **picture(pixels)} for name, pixels in PICTURES.items()]
    return {"pictures": sources, "area": area, "percentiles": contrast, "clahe": clahe, "region": region}


def file_of(pixels, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, exif=exif)
    return base64.b64encode(file.getvalue()).decode()


def opened(text):
    return ImageOps.exif_transpose(Image.open(io.BytesIO(base64.b64decode(text))))


def orientations():
    """Pictures as phones store them, as Pillow turns them, and where a box of the stored picture is then."""
    cases = []
    for orientation in range(1, 9):
        for name, pixels in (("gray", GRAY), ("color", COLOR)):
            file = file_of(pixels, "PNG", orientation)
            upright = opened(file)
            boxes, tiled = [], []
            for left, top, right, bottom in ((2, 1, 5, 3), (0, 0, 1, 8), (9, 6, 12, 8)):
                mark = numpy.zeros(pixels.shape[:2], numpy.uint8)
                mark[top:bottom, left:right] = 255
                boxes.append({"stored": [left, top, right, bottom], "upright": opened(file_of(mark, "PNG", orientation)).getbbox()})
            for box in get_slice_bboxes(
                image_height=upright.height, image_width=upright.width, slice_height=4, slice_width=5,
                overlap_height_ratio=0.2, overlap_width_ratio=0.2,
            ):
                tiled.append(picture(numpy.asarray(upright.crop(box))))
            resized = [picture(numpy.asarray(upright.resize((5, 7), method))) for method in (Image.BILINEAR, Image.BICUBIC, Image.LANCZOS)]
            equalized = channels(numpy.asarray(upright), cv2.createCLAHE(2.0, (2, 2)).apply)
            cases.append({
                "orientation": orientation, "png": file, "jpeg": file_of(pixels, "JPEG", orientation), "to": picture(numpy.asarray(upright)),
                "resized": resized, "equalized": picture(equalized), "boxes": boxes, "tiles": tiled,
            })
    return {"orientations": cases}


def tiles():
    cases = []
    for image, size, overlap in (
        ((1500, 800), (640, 640), 0.2),
        ((640, 640), (640, 640), 0.2),
        ((641, 100), (640, 640), 0.2),
        ((1152, 700), (640, 480), 0.7),
        ((37, 29), (10, 7), 0.0),
        ((100, 90), (33, 31), 0.25),
        ((20, 20), (3, 3), 0.99),
    ):
        boxes = get_slice_bboxes(
            image_height=image[1], image_width=image[0], slice_height=size[1], slice_width=size[0],
            overlap_height_ratio=overlap, overlap_width_ratio=overlap,
        )
        cases.append({"image": image, "size": size, "overlap": overlap, "boxes": boxes})
    return {"tiles": cases}


# Boxes.


def clusters(count, span):
    """Returns boxes around a few centers, so that many overlap. No overlap is within 1e-4 of a threshold that is used."""
    centers = RANDOM.uniform(0, span, (max(count // 6, 1), 2))
    at = centers[RANDOM.integers(0, len(centers), count)] + RANDOM.normal(0, 6, (count, 2))
    sides = RANDOM.uniform(12, 40, (count, 2))
    return at, sides


def overlap_of(areas, both, one, other, measure):
    whole = areas[one] + areas[other] - both if measure == "union" else min(areas[one], areas[other])
    return both / whole if whole > 0 else 0.0


def greedy(scores, classes, overlap, threshold, across):
    kept = []
    for index in numpy.argsort(-scores, kind="stable"):
        rivals = [other for other in kept if across or classes[other] == classes[index]]
        values = [overlap(other, index) for other in rivals]
        assert all(abs(value - threshold) > 1e-4 for value in values), "an overlap that rounding decides"
        if all(value <= threshold for value in values):
            kept.append(int(index))
    return kept


def upright(count, measure, threshold, across):
    at, sides = clusters(count, 150)
    boxes = numpy.concatenate([at - sides / 2, at + sides / 2], axis=1).astype(numpy.float32).round(2)
    scores = RANDOM.permutation(numpy.linspace(0.1, 0.95, count)).round(4)
    classes = RANDOM.integers(0, 3, count)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    def overlap(one, other):
        low, high = numpy.maximum(boxes[one, :2], boxes[other, :2]), numpy.minimum(boxes[one, 2:], boxes[other, 2:])
        return overlap_of(areas, float(numpy.prod(numpy.maximum(high - low, 0))), one, other, measure)

    kept = greedy(scores, classes, overlap, threshold, across)
    if measure == "union":
        compare(boxes, scores, classes, threshold, across, kept)
    return {
        "measure": measure, "threshold": threshold, "across": across, "boxes": [[round(float(x), 2) for x in box] for box in boxes],
        "scores": scores.tolist(), "classes": classes.tolist(), "kept": kept,
    }


def compare(boxes, scores, classes, threshold, across, kept):
    try:
        import torch
        from torchvision.ops import batched_nms, nms
    except ImportError:
        return
    tensors = torch.tensor(boxes), torch.tensor(scores.astype(numpy.float32))
    result = nms(*tensors, threshold) if across else batched_nms(*tensors, torch.tensor(classes), threshold)
    assert result.tolist() == kept
    print("as by torchvision")


def rotated(count, measure, threshold, across):
    at, sides = clusters(count, 120)
    angles = RANDOM.uniform(-4, 4, count)
    boxes = numpy.concatenate([at, sides * [1.5, 0.5], angles[:, None]], axis=1).astype(numpy.float32).round(3)
    scores = RANDOM.permutation(numpy.linspace(0.1, 0.95, count)).round(4)
    classes = RANDOM.integers(0, 2, count)

    def outline(box):
        x, y, w, h, r = (float(number) for number in box)
        outline = shapely.affinity.rotate(shapely.box(-w / 2, -h / 2, w / 2, h / 2), r, (0, 0), use_radians=True)
        return shapely.affinity.translate(outline, x, y)

    outlines = [outline(box) for box in boxes]
    areas = [outline.area for outline in outlines]

    def overlap(one, other):
        return overlap_of(areas, outlines[one].intersection(outlines[other]).area, one, other, measure)

    return {
        "measure": measure, "threshold": threshold, "across": across, "boxes": [[round(float(x), 3) for x in box] for box in boxes],
        "scores": scores.tolist(), "classes": classes.tolist(), "kept": greedy(scores, classes, overlap, threshold, across),
        "first": [round(overlap(0, other), 7) for other in range(count)],
    }


def merged(count, measure, threshold, across):
    at, sides = clusters(count, 150)
    boxes = numpy.concatenate([at - sides / 2, at + sides / 2], axis=1).clip(0).round(2)
    scores = RANDOM.permutation(numpy.linspace(0.1, 0.95, count)).round(4)
    classes = RANDOM.integers(0, 2, count)
    found = [
        ObjectPrediction(bbox=box.tolist(), category_id=int(number), category_name=str(number), score=float(score), full_shape=[400, 400])
        for box, number, score in zip(boxes, classes, scores)
    ]
    metric = "IOU" if measure == "union" else "IOS"
    joined = GreedyNMMPostprocess(threshold, metric, class_agnostic=across)(found)
    joined.sort(key=lambda one: -one.score.value)
    return {
        "measure": measure, "threshold": threshold, "across": across, "boxes": boxes.tolist(), "scores": scores.tolist(),
        "classes": classes.tolist(),
        "merged": [[one.category.id, one.score.value, *map(float, one.bbox.to_xyxy())] for one in joined],
    }


def boxes():
    options = [("union", 0.45, False), ("union", 0.6, True), ("smaller", 0.5, False), ("smaller", 0.7, True)]
    return {
        "upright": [upright(40, *each) for each in options],
        "rotated": [rotated(24, *each) for each in options],
        "merged": [merged(40, *each) for each in options],
    }


write(HERE / "pictures.json", pictures())
write(HERE / "tiles.json", tiles())
write(HERE / "orientations.json", orientations())
write(TASKS / "references.json", boxes())
