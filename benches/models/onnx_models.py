"""The models that ONNX Runtime computes, as their packages document them. `models.py` imports it."""

import numpy
import onnxruntime
import tokenizers


def session(path):
    """Returns a session of one thread, so that several do not compete for the cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class VoiceActivity:
    """Silero VAD, like the module `sequence_vad` of its package: all pieces of a request are one call."""

    PIECE, CONTEXT = 512, 64

    def __init__(self, folder):
        self.session = session(folder / "silero_vad.onnx")
        self.streams = {}

    def infer(self, inputs, parameters):
        """Returns the probabilities of the pieces of a stream."""
        stream = parameters.get("sequence_id")
        begins = stream is None or parameters.get("sequence_start")
        state, context = self.new() if begins else self.streams[stream]
        samples = self.samples(inputs, context)
        speech, *state = self.session.run(None, {"input": samples, "h": state[0], "c": state[1]})
        if stream is not None:
            self.streams[stream] = state, samples[-1, -self.CONTEXT :]
        return [{"name": "speech", "datatype": "FP32", "shape": list(speech.shape), "data": speech.tolist()}]

    def samples(self, inputs, context):
        """Returns the pieces of a request, each after the end of the one before."""
        pieces = numpy.asarray(inputs[0]["data"], numpy.float32).reshape(-1, self.PIECE) / numpy.float32(32768)
        ends = numpy.concatenate([context[None], pieces[:-1, -self.CONTEXT :]])
        return numpy.concatenate([ends, pieces], 1)

    def new(self):
        """Returns the states and the context of a stream that begins."""
        state = numpy.zeros((1, 1, 128), numpy.float32)
        return [state, state], numpy.zeros(self.CONTEXT, numpy.float32)

    def call(self, inputs):
        """Returns a function that runs the model on the pieces of a request."""
        state, context = self.new()
        feed = {"input": self.samples(inputs, context), "h": state[0], "c": state[1]}
        return lambda: self.session.run(None, feed)


class TextEmbedding:
    """MiniLM, from the file that `examples/text-embedding/onnx` builds: all texts of a request are one call."""

    MAX_TOKENS = 256

    def __init__(self, folder):
        self.session = session(folder / "model.onnx")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_padding()
        self.tokenizer.enable_truncation(self.MAX_TOKENS)

    def infer(self, inputs, parameters):
        """Returns the vectors of texts: the means of their tokens, of length 1."""
        feed = self.feed(inputs)
        (hidden,) = self.session.run(None, feed)
        mask = feed["attention_mask"][..., None].astype(numpy.float32)
        vectors = (hidden * mask).sum(1) / mask.sum(1)
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        return [{"name": "embedding", "datatype": "BYTES", "shape": [len(vectors)], "data": vectors.tolist()}]

    def feed(self, inputs):
        """Returns the tokens of the texts, padded."""
        encodings = self.tokenizer.encode_batch(inputs[0]["data"])
        parts = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        return {name: numpy.array([getattr(one, part) for one in encodings], numpy.int64) for name, part in parts.items()}

    def call(self, inputs):
        """Returns a function that runs the model on the tokens of a request."""
        feed = self.feed(inputs)
        return lambda: self.session.run(None, feed)


MODELS = {"text-embedding": TextEmbedding, "voice-activity": VoiceActivity}
