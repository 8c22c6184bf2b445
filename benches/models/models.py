"""The models of the examples in Python, as their packages document them. `server.py` and `alone.py` import it.

A model is a class: it loads in a folder, `infer` answers the inputs of a request, and `call` runs the model once for the
same request, with everything ready that is not the model."""

import numpy
import onnxruntime


def session(path):
    """Returns a session of one thread, so that several do not compete for the cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class VoiceActivity:
    """Silero VAD, like the class `OnnxWrapper` of its package."""

    PIECE, CONTEXT, RATE = 512, 64, numpy.array(16_000, numpy.int64)

    def __init__(self, folder):
        self.session = session(folder / "silero_vad.onnx")
        self.streams = {}

    def infer(self, inputs, parameters):
        """Returns the probabilities of the pieces of a stream."""
        audio = numpy.asarray(inputs[0]["data"], numpy.float32) / 32768
        stream = parameters.get("sequence_id")
        begins = stream is None or parameters.get("sequence_start")
        state, context = self.new() if begins else self.streams[stream]
        speech = []
        for piece in audio.reshape(-1, self.PIECE):
            samples = numpy.concatenate([context, piece])
            output, state = self.session.run(None, {"input": samples[None], "state": state, "sr": self.RATE})
            context = samples[-self.CONTEXT :]
            speech.append(float(output[0, 0]))
        if stream is not None:
            self.streams[stream] = state, context
        return [{"name": "speech", "datatype": "FP32", "shape": [len(speech)], "data": speech}]

    def new(self):
        """Returns the state and the context of a stream that begins."""
        return numpy.zeros((2, 1, 128), numpy.float32), numpy.zeros(self.CONTEXT, numpy.float32)

    def call(self, inputs):
        """Returns a function that runs the model on the pieces of a request."""
        pieces = numpy.asarray(inputs[0]["data"], numpy.float32).reshape(-1, self.PIECE) / 32768
        state, context = self.new()
        samples = [numpy.concatenate([context, piece])[None] for piece in pieces]

        def run():
            for one in samples:
                self.session.run(None, {"input": one, "state": state, "sr": self.RATE})

        return run


MODELS = {"voice-activity": VoiceActivity}
