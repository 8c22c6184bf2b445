"""The identity as a custom runtime of MLServer, written as its documentation writes runtimes: codecs read an input, so
that what they refuse is refused."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import Datatype, InferenceRequest, InferenceResponse, ResponseOutput


class Identity(MLModel):
    """Answers with the tensors that it got."""

    async def load(self) -> bool:
        """There is nothing to load."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Takes each input apart and makes an output of it."""
        outputs = []
        for given in payload.inputs:
            if given.datatype == Datatype.BYTES:
                data = StringCodec.decode_input(given)
            else:
                data = NumpyCodec.decode_input(given).flatten().tolist()
            outputs.append(ResponseOutput(name=given.name, shape=given.shape, datatype=given.datatype, data=data))
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=outputs)
