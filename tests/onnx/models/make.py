"""Writes the ONNX files of this folder, always the same ones. Needs the packages of requirements.txt:

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py
"""

import json
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
RANDOM = numpy.random.default_rng(7)

# The data types of the protocol by their names on the wire.
DATATYPES = {
    "bool": TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "fp16": TensorProto.FLOAT16,
    "bf16": TensorProto.BFLOAT16,
    "fp32": TensorProto.FLOAT,
    "fp64": TensorProto.DOUBLE,
    "bytes": TensorProto.STRING,
}


def value(name, shape, datatype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, datatype, shape)


def tensor(name, array):
    return numpy_helper.from_array(numpy.asarray(array), name)


def node(operator, inputs, outputs, name=None, **attributes):
    return helper.make_node(operator, inputs, outputs, name=name or outputs[0], **attributes)


def model(nodes, inputs, outputs, weights=(), ml=False):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="make.py")


def write(name, made, check=True):
    if check:
        onnx.checker.check_model(made, full_check=True)
    path = HERE / f"{name}.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(made.SerializeToString(deterministic=True))
    assert path.stat().st_size < 100_000, f"{path}: {path.stat().st_size} bytes"


def normal(*shape):
    return (RANDOM.standard_normal(shape) * 0.2).astype(numpy.float32)


def identities():
    for name, datatype in DATATYPES.items():
        ports = [value("x", ["batch", 2], datatype)], [value("y", ["batch", 2], datatype)]
        write(f"identity/{name}", model([node("Identity", ["x"], ["y"])], *ports))
    ports = [value("x", ["batch", 2], TensorProto.COMPLEX64)], [value("y", ["batch", 2], TensorProto.COMPLEX64)]
    write("identity/complex64", model([node("Identity", ["x"], ["y"])], *ports))


def small():
    """Models that work."""
    weights = tensor("w", numpy.arange(12, dtype=numpy.float32).reshape(4, 3)), tensor("b", numpy.float32([1, 2, 3]))
    nodes = [node("MatMul", ["x", "w"], ["product"]), node("Add", ["product", "b"], ["y"])]
    write("linear", model(nodes, [value("x", ["batch", 4])], [value("y", ["batch", 3])], weights))
    # As files of old exporters are: weights among the inputs, and dimensions without a name.
    ports = [value("x", [None, 4]), value("w", [4, 3]), value("b", [3])], [value("y", [None, 3])]
    write("unnamed", model(nodes, *ports, weights))
    write("unknown-rank-output", model(nodes, [value("x", ["batch", 4])], [value("y", None)], weights), check=False)

    nodes = [
        node("Cast", ["ids"], ["numbers"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["scale", "axis"], ["column"]),
        node("Mul", ["numbers", "column"], ["scaled"]),
        node("Shape", ["ids"], ["shape"]),
    ]
    inputs = [value("ids", ["n", "tokens"], TensorProto.INT64), value("scale", ["n"])]
    outputs = [value("scaled", ["n", "tokens"]), value("shape", [2], TensorProto.INT64)]
    write("two-inputs", model(nodes, inputs, outputs, [tensor("axis", numpy.int64([1]))]))

    nodes = [node("Add", ["x", "y"], ["z"])]
    write("no-batch", model(nodes, [value("x", ["n", 2]), value("y", [])], [value("z", ["n", 2])]))
    write("unknown-rank-input", model([node("Relu", ["x"], ["y"])], [value("x", None)], [value("y", None)]), check=False)

    def branch(factor):
        weights = [tensor("factor", numpy.float32(factor))]
        return helper.make_graph([node("Mul", ["x", "factor"], ["z"])], "branch", [], [value("z", ["batch", 2])], weights)

    nodes = [node("If", ["flag"], ["y"], then_branch=branch(2), else_branch=branch(3))]
    inputs = [value("flag", [], TensorProto.BOOL), value("x", ["batch", 2])]
    write("if", model(nodes, inputs, [value("y", ["batch", 2])]))

    nodes = [node("Gather", ["table", "ids"], ["rows"], name="lookup")]
    ports = [value("ids", ["batch"], TensorProto.INT64)], [value("rows", ["batch", 2])]
    write("gather", model(nodes, *ports, [tensor("table", numpy.arange(8, dtype=numpy.float32).reshape(4, 2))]))


def detector(name, batch, side):
    """Has the inputs and outputs of YOLOv8: boxes and scores of 3 classes for the cells of three grids."""
    nodes, weights, grids = [], [tensor("rows", numpy.int64([0, 7, -1]))], []
    last, channels = "images", 3
    for level in range(5):
        made, wide = f"conv{level}", 8
        weights += [tensor(f"w{level}", normal(wide, channels, 3, 3)), tensor(f"b{level}", normal(wide))]
        convolution = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        nodes += [
            node("Conv", [last, f"w{level}", f"b{level}"], [made], **convolution),
            node("Sigmoid", [made], [f"gate{level}"]),
            node("Mul", [made, f"gate{level}"], [f"silu{level}"]),
        ]
        last, channels = f"silu{level}", wide
        if level >= 2:
            weights += [tensor(f"hw{level}", normal(7, wide, 1, 1)), tensor(f"hb{level}", normal(7))]
            nodes += [
                node("Conv", [last, f"hw{level}", f"hb{level}"], [f"head{level}"], kernel_shape=[1, 1]),
                node("Reshape", [f"head{level}", "rows"], [f"grid{level}"]),
            ]
            grids.append(f"grid{level}")
    nodes.append(node("Concat", grids, ["output0"], axis=2))
    cells = sum((side // stride) ** 2 for stride in (8, 16, 32))
    ports = [value("images", [batch, 3, side, side])], [value("output0", [batch, 7, cells])]
    write(name, model(nodes, *ports, weights))


def not_tensors():
    nodes = [node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])]
    kind = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    maps = helper.make_value_info("maps", helper.make_sequence_type_proto(kind))
    write("zipmap", model(nodes, [value("scores", ["n", 2])], [maps], ml=True))

    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["n"]))
    sequence = lambda name: helper.make_value_info(name, kind)
    write("sequence-output", model([node("SequenceConstruct", ["x"], ["y"])], [value("x", ["n"])], [sequence("y")]))
    nodes = [node("SequenceAt", ["x", "first"], ["y"])]
    write("sequence-input", model(nodes, [sequence("x")], [value("y", ["n"])], [tensor("first", numpy.int64(0))]))
    optional = helper.make_value_info(
        "x", helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["n"]))
    )
    write("optional-input", model([node("OptionalGetElement", ["x"], ["y"])], [optional], [value("y", ["n"])]))


def lacking():
    """Models with operators that a backend lacks."""
    ports = [value("x", ["n", 2])], [value("y", ["n", 2])]
    write("unknown-operator", model([node("Frobnicate", ["x"], ["y"], name="odd")], *ports), check=False)
    nodes = [node("Trilu", ["x"], ["t"], name="lower"), node("Det", ["x"], ["y"], name="determinant")]
    ports = [value("x", [2, 2])], [value("t", [2, 2]), value("y", [])]
    write("det", model(nodes, *ports))


def hostile():
    """Models that claim more than they hold, or what they may not have."""

    def with_weight(name, weight):
        ports = [value("x", [1])], [value("y", None)]
        write(name, model([node("Add", ["x", "w"], ["y"])], *ports, [weight]), check=False)

    def stored(dims, **fields):
        return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, **fields)

    with_weight("hostile/huge-raw", stored([1 << 30, 1 << 30], raw_data=b"\0\0\0\0"))
    with_weight("hostile/huge-floats", stored([1 << 30, 1 << 30], float_data=[1.0]))
    with_weight("hostile/huge-empty", stored([1 << 30, 1 << 30]))
    with_weight("hostile/overflow", stored([1 << 40, 1 << 40], raw_data=b"\0\0\0\0"))
    with_weight("hostile/negative", stored([-4], raw_data=b"\0" * 16))
    with_weight("hostile/short", stored([4], raw_data=b"\0" * 8))

    fill = [node("ConstantOfShape", ["shape"], ["ones"], name="fill"), node("Add", ["x", "ones"], ["y"])]
    shape = tensor("shape", numpy.int64([1 << 30, 1 << 30]))
    write("hostile/huge-fill", model(fill, [value("x", [1])], [value("y", None)], [shape]), check=False)

    # Python's protobuf refuses to make it: forty graphs within each other are too many messages for any decoder.
    graph = helper.make_graph([node("Identity", ["x"], ["y"])], "leaf", [], [value("y", [1])]).SerializeToString()
    for _ in range(40):
        # Of the two branches one is enough. The number is that of the type of the attribute: a graph.
        branch = text(1, "then_branch") + message(6, graph) + b"\xa0\x01\x05"
        outer = text(1, "flag") + text(2, "y") + text(4, "If") + message(5, branch)
        graph = message(1, outer) + text(2, "level") + message(12, value("y", [1]).SerializeToString())
    inputs = value("flag", [], TensorProto.BOOL), value("x", [1])
    graph += b"".join(message(11, port.SerializeToString()) for port in inputs)
    (HERE / "hostile" / "deep.onnx").write_bytes(b"\x08\x08" + message(7, graph) + message(8, text(1, "") + b"\x10\x11"))


def message(number, payload):
    """Returns a field of a protobuf message that is a message or a text itself."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def text(number, value):
    return message(number, value.encode())


def varint(number):
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes(parts + bytearray([number]))


def external():
    """Models whose weights are in other files."""
    numpy.arange(12, dtype="<f4").tofile(HERE / "external" / "weights.bin")

    def with_file(name, **entries):
        weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
        for key, text in entries.items():
            weight.external_data.add(key=key, value=str(text))
        ports = [value("x", ["batch", 4])], [value("y", ["batch", 3])]
        write(f"external/{name}", model([node("MatMul", ["x", "w"], ["y"])], *ports, [weight]), check=False)

    with_file("inside", location="weights.bin", offset=0, length=48)
    with_file("inside-without-length", location="weights.bin")
    square = RANDOM.standard_normal((64, 64)).astype("<f4")
    square.tofile(HERE / "external" / "large.bin")
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 64], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="large.bin")
    product = node("MatMul", ["x", "w"], ["y"])
    write("external/large", model([product], [value("x", ["n", 64])], [value("y", ["n", 64])], [weight]), check=False)

    with_file("parent", location="../linear.onnx", offset=0, length=48)
    with_file("far-away", location="../../../../../../../../etc/passwd", offset=0, length=48)
    with_file("absolute", location="/etc/passwd", offset=0, length=48)
    with_file("missing", location="none.bin", offset=0, length=48)
    with_file("too-short", location="weights.bin", offset=16, length=48)
    with_file("another-length", location="weights.bin", offset=0, length=24)
    with_file("no-number", location="weights.bin", offset="-1", length=48)
    with_file("no-location")
    with_file("folder", location=".", offset=0, length=48)

    def with_weight(name, weight):
        ports = [value("x", ["batch", 4])], [value("y", ["batch", 3])]
        write(f"external/{name}", model([node("MatMul", ["x", "w"], ["y"])], *ports, [weight]), check=False)

    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    for location in ("weights.bin", "../linear.onnx"):
        weight.external_data.add(key="location", value=location)
    with_weight("twice", weight)
    del weight.external_data[1]
    # A number that the enumeration lacks, after the one that it has.
    with_weight("elsewhere", TensorProto.FromString(weight.SerializeToString() + b"\x70\x02"))


def tasks():
    """Models of tasks, whose outputs a test can tell in advance."""
    nodes = [node("ReduceMean", ["images"], ["scores"], axes=[2, 3], keepdims=0)]
    write("classifier", model(nodes, [value("images", ["batch", 3, 8, 8])], [value("scores", ["batch", 3])]))

    # The last operator changes nothing.
    nodes = [
        node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0),
        node("Softmax", ["means"], ["probabilities"], axis=1),
        node("Identity", ["probabilities"], ["scores"]),
    ]
    write("softmax", model(nodes, [value("images", ["batch", 3, 8, 8])], [value("scores", ["batch", 3])]))

    # As detectors of speech: a piece of a stream and the state after the pieces before it.
    nodes = [
        node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        node("Mul", ["state", "half"], ["rest"]),
        node("Add", ["rest", "mean"], ["stateN"]),
        node("Sigmoid", ["stateN"], ["output"]),
    ]
    inputs = [value("input", ["batch", "samples"]), value("state", ["batch", 1])]
    outputs = [value("output", ["batch", 1]), value("stateN", ["batch", 1])]
    write("stateful", model(nodes, inputs, outputs, [tensor("half", numpy.float32(0.5))]))

    boxes = numpy.zeros((7, 84), numpy.float32)
    # Centre, width, height, and scores: a box, one that overlaps it, and one of another class.
    boxes[:, 0] = [32, 32, 16, 8, 0.125, 0.875, 0.25]
    boxes[:, 1] = [33, 32, 16, 8, 0.125, 0.75, 0.25]
    boxes[:, 2] = [8, 32, 4, 4, 0.625, 0.125, 0.25]
    nodes = [
        node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        node("Mul", ["mean", "zero"], ["nothing"]),
        node("Reshape", ["nothing", "each"], ["one"]),
        node("Add", ["one", "boxes"], ["output0"]),
    ]
    weights = [tensor("zero", numpy.float32(0)), tensor("each", numpy.int64([-1, 1, 1])), tensor("boxes", boxes)]
    write("boxes", model(nodes, [value("images", [1, 3, 64, 64])], [value("output0", [1, 7, 84])], weights))

    # As detectors of the YOLO family, by a look at the image: a box for each cell of 8 x 8 pixels, and its mean in red, green
    # and blue as the scores.
    centres = (numpy.arange(8, dtype=numpy.float32) + 0.5) * 8
    x, y = numpy.meshgrid(centres, centres)
    cells = numpy.stack([x.flatten(), y.flatten(), numpy.full(64, 8), numpy.full(64, 8)]).astype(numpy.float32)[None]
    nodes = [
        node("AveragePool", ["images"], ["means"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Reshape", ["means", "rows"], ["scores"]),
        node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        node("Mul", ["mean", "zero"], ["nothing"]),
        node("Reshape", ["nothing", "each"], ["one"]),
        node("Add", ["one", "cells"], ["places"]),
        node("Concat", ["places", "scores"], ["output0"], axis=1),
    ]
    weights = [
        tensor("zero", numpy.float32(0)), tensor("each", numpy.int64([-1, 1, 1])), tensor("rows", numpy.int64([0, 3, 64])),
        tensor("cells", cells),
    ]
    ports = [value("images", ["batch", 3, 64, 64])], [value("output0", ["batch", 7, 64])]
    write("cells", model(nodes, *ports, weights))

    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "last"], ["column"]),
        node("Mul", ["rows", "column"], ["last_hidden_state"]),
    ]
    inputs = [value(name, ["batch", "tokens"], TensorProto.INT64) for name in ("input_ids", "attention_mask")]
    table = numpy.float32([[0, 0], [3, 4], [4, 3], [0, 1]])
    weights = [tensor("table", table), tensor("last", numpy.int64([2]))]
    write("encoder", model(nodes, inputs, [value("last_hidden_state", ["batch", "tokens", 2])], weights))
    words = {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 2, "c": 3}, "unk_token": "[UNK]"}
    tokenizer = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": words}
    (HERE / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")


(HERE / "external").mkdir(exist_ok=True)
identities()
small()
detector("detector-64", 1, 64)
detector("detector-640", "batch", 640)
not_tensors()
lacking()
hostile()
external()
tasks()
