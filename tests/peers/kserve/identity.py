"""An identity model for KServe's Python `ModelServer`, in the style of its documentation: `as_numpy` reads an input,
and an output is filled from an array. The argument is the port."""

import sys

from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid


class Identity(Model):
    """Returns its input tensors."""

    def __init__(self):
        super().__init__("identity")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        """Converts each input to an output."""
        outputs = []
        for given in payload.inputs:
            output = InferOutput(given.name, given.shape, given.datatype)
            output.set_data_from_numpy(given.as_numpy(), binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start([Identity()])
