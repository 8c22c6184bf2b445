"""Trains a classifier of irises and writes model/model.onnx and model/class_labels.json.

    python3 -m venv venv
    venv/bin/pip install numpy==2.4.6 onnx==1.23.2 scikit-learn==1.9.1
    venv/bin/python make_model.py

The engine needs an input `features` and an output `probabilities`. If your library exports ONNX files itself, such as
PyTorch by `torch.onnx.export`, only the names and shapes at the end matter.
"""

import json
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

MODEL = Path(__file__).resolve().parent / "model"

irises = load_iris()
classifier = LogisticRegression(max_iter=1000).fit(irises.data, irises.target)
print(f"accuracy on the training data: {classifier.score(irises.data, irises.target):.3f}")


def constant(name, values):
    return numpy_helper.from_array(numpy.asarray(values, numpy.float32), name)


columns, classes = irises.data.shape[1], len(irises.target_names)
graph = helper.make_graph(
    nodes=[
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ],
    name="irises",
    # The first dimension has a name instead of a length: the number of rows varies.
    inputs=[helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", columns])],
    outputs=[helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", classes])],
    initializer=[constant("weights", classifier.coef_.T), constant("bias", classifier.intercept_)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, MODEL / "model.onnx")
labels = {str(name): index for index, name in enumerate(irises.target_names)}
(MODEL / "class_labels.json").write_text(json.dumps(labels) + "\n")
