"""Computes the cases of this benchmark by ONNX Runtime with one thread, as `worker.rs` does: reads cases from standard input,
and answers with the CPU seconds of a call and some numbers of the result. The program beside it starts it."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "onnx"))

import minilm
import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def numbers(*shape):
    """Returns the numbers that `depthwise.rs` makes."""
    return ((numpy.arange(numpy.prod(shape)) * 31 % 97).astype(numpy.float32) / 97 - 0.5).reshape(shape)


def depthwise(channels, rows, stride):
    """Returns a session of a convolution, and its inputs."""
    weight = numpy_helper.from_array(numbers(channels, 1, 3, 3), "weight")
    node = helper.make_node("Conv", ["image", "weight"], ["out"], group=channels, pads=[1] * 4, strides=[stride] * 2)
    named = helper.make_tensor_value_info
    image = named("image", TensorProto.FLOAT, [1, channels, rows, rows])
    graph = helper.make_graph([node], "depthwise", [image], [named("out", TensorProto.FLOAT, None)], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return session(model), {"image": numbers(1, channels, rows, rows)}


def tokens(texts, count):
    """Returns the inputs that `encoder.rs` makes."""
    ids = (1000 + numpy.arange(texts * count) * 7919 % 20000).reshape(texts, count)
    return {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}


def main():
    encoder = session(minilm.Graph(load_file(minilm.source() / "model.safetensors")).model())
    for line in sys.stdin:
        kind, *sizes, seconds = line.split()
        sizes = [int(size) for size in sizes]
        run, inputs = (encoder, tokens(*sizes)) if kind == "encoder" else depthwise(*sizes)
        result = run.run(None, inputs)[0]
        end, before, calls = time.perf_counter() + float(seconds), time.process_time(), 0
        while time.perf_counter() < end or calls < 3:
            result = run.run(None, inputs)[0]
            calls += 1
        took = (time.process_time() - before) / calls
        flat = result.reshape(-1)
        print(took, *(flat[at * (flat.size - 1) // 7] for at in range(8)), flush=True)


if __name__ == "__main__":
    main()
