"""An identity model as a custom runtime of MLServer, in the style of its documentation: codecs read the inputs, and
reject invalid ones."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import Datatype, InferenceRequest, InferenceResponse, ResponseOutput


class Identity(MLModel):
    """Returns its input tensors."""

    async def load(self) -> bool:
        """Loads nothing."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Converts each input to an output."""
        outputs = []
        for given in payload.inputs:
            if given.datatype == Datatype.BYTES:
                data = StringCodec.decode_input(given)
            else:
                data = NumpyCodec.decode_input(given).flatten().tolist()
            outputs.append(ResponseOutput(name=given.name, shape=given.shape, datatype=given.datatype, data=data))
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=outputs)
