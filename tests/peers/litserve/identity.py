"""An identity model on LitServe, in the style of its documentation: one worker process for the model, requests and
responses as JSON. The argument is the port."""

import sys

import litserve
import numpy as np


class Identity(litserve.LitAPI):
    """Returns its input tensors."""

    def setup(self, device):
        """Loads nothing."""

    def decode_request(self, request):
        """Converts each tensor to an array; texts stay as they are."""
        inputs = request["inputs"]
        return [
            given | {"data": np.asarray(given["data"], np.float32)} if given["datatype"] == "FP32" else given
            for given in inputs
        ]

    def predict(self, inputs):
        """Returns the inputs."""
        return inputs

    def encode_response(self, outputs):
        """Converts arrays to lists."""
        data = [given["data"] for given in outputs]
        lists = [values.tolist() if isinstance(values, np.ndarray) else values for values in data]
        return {"outputs": [given | {"data": values} for given, values in zip(outputs, lists)]}


if __name__ == "__main__":
    server = litserve.LitServer(Identity(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
