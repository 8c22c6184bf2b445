"""KServe's `InferenceRESTClient`."""

import asyncio
import unittest

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from .values import COMPRESSING, FLOWERS, IDENTITY, IRIS, REPETITIVE, SPECIES, TEXTS, numbers, same

# The datatypes that this client supports: all but BF16.
NUMBERS = {datatype: array for datatype, array in numbers().items() if datatype != "BF16"}


def input_of(array, datatype, name="x", binary=True):
    """Makes an input from an array."""
    given = InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


class Rest(unittest.IsolatedAsyncioTestCase):
    """The cases of the client."""

    client = "kserve REST"

    async def asyncSetUp(self):
        self.rest = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))

    async def asyncTearDown(self):
        await self.rest.close()

    async def infer(self, inputs, url=IDENTITY, model="identity", binary=None, **more):
        """Sends an inference and requests outputs in binary form, in JSON, or in the default form."""
        parameters = None if binary is None else {"binary_data_output": binary}
        request = InferRequest(model, inputs, parameters=parameters, request_id=more.pop("request_id", None))
        return await self.rest.infer(url, request, model_name=model, **more)

    async def assert_rejected(self, status, call, *texts):
        """Awaits a call that must fail with this status and a message that contains these parts."""
        with self.assertRaises(httpx.HTTPStatusError) as caught:
            await call
        self.assertEqual(caught.exception.response.status_code, status, caught.exception)
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def assert_same(self, response, sent, at=0):
        """Checks that a tensor was returned unchanged."""
        got = response.outputs[at].as_numpy()
        self.assertTrue(same(got, sent), f"{sent.dtype}: expected {sent!r}, got {got!r}")

    async def test_health(self):
        """the server is live, it and its models are ready, an unknown model is not"""
        self.assertIs(await self.rest.is_server_live(IRIS), True)
        self.assertIs(await self.rest.is_server_ready(IRIS), True)
        self.assertIs(await self.rest.is_model_ready(IRIS, "iris"), True)
        self.assertIs(await self.rest.is_model_ready(IRIS, "none"), False)

    async def test_json(self):
        """every numeric datatype but FP16 and BF16, in JSON, in both directions"""
        # The client neither writes nor reads FP16 as JSON.
        for datatype, sent in NUMBERS.items():
            if datatype != "FP16":
                self.assert_same(await self.infer([input_of(sent, datatype, binary=False)]), sent)

    async def test_binary(self):
        """every numeric datatype, including FP16, in binary form, in both directions"""
        for datatype, sent in NUMBERS.items():
            headers = {}
            response = await self.infer([input_of(sent, datatype)], binary=True, response_headers=headers)
            self.assert_same(response, sent)
            self.assertEqual(response.outputs[0].datatype, datatype)
            self.assertIn("inference-header-content-length", headers)

    async def test_mixed(self):
        """JSON and binary in one request, and in one response"""
        inputs = [input_of(NUMBERS["FP64"], "FP64", "a", False), input_of(TEXTS, "BYTES", "b")]
        inputs += [input_of(NUMBERS["UINT8"], "UINT8", "c"), input_of(NUMBERS["INT16"], "INT16", "d", False)]
        asked = [("d", True), ("c", False), ("a", True)]
        asked = [RequestedOutput(name, {"binary_data": binary}) for name, binary in asked]
        request = InferRequest("identity", inputs, request_outputs=asked)
        response = await self.rest.infer(IDENTITY, request, model_name="identity")
        self.assertEqual([output.name for output in response.outputs], ["d", "c", "a"])
        for at, datatype in enumerate(["INT16", "UINT8", "FP64"]):
            self.assert_same(response, NUMBERS[datatype], at)

    async def test_bytes(self):
        """BYTES: texts in JSON and in binary form"""
        # The client decodes elements to strings, so it cannot read other bytes.
        for binary in (True, False):
            for back in (True, False, None):
                self.assert_same(await self.infer([input_of(TEXTS, "BYTES", binary=binary)], binary=back), TEXTS)

    async def test_plain_document(self):
        """a request that is a dict without the name of a model"""
        document = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[0.1, -1.5]]}]}
        response = await self.rest.infer(IDENTITY, document, model_name="identity")
        self.assert_same(response, np.array([[0.1, -1.5]], np.float32))
        # The content type of the caller is kept.
        headers = {"Content-Type": "text/plain", "X-Request-ID": "of-the-caller"}
        response = await self.rest.infer(IDENTITY, document, model_name="identity", headers=headers)
        self.assertEqual(response.id, "of-the-caller")

    async def test_named_tensors(self):
        """iris by name: JSON and binary"""
        for binary in (True, False):
            response = await self.infer([input_of(FLOWERS, "FP32", "features", binary)], IRIS, "iris", binary=binary)
            self.assertEqual([output.name for output in response.outputs], ["label", "probabilities"])
            self.assertEqual(list(response.outputs[0].as_numpy()), SPECIES)
            probabilities = response.outputs[1].as_numpy()
            self.assertEqual((probabilities.dtype, probabilities.shape), (np.float32, (3, 3)))
            self.assertEqual(list(probabilities.argmax(1)), [0, 1, 2])

    async def test_ids(self):
        """the id and the header are returned"""
        headers = {}
        sent = input_of(NUMBERS["INT8"], "INT8")
        more = {"headers": {"X-Request-ID": "of-the-header"}, "response_headers": headers}
        response = await self.infer([sent], request_id="of the body", **more)
        self.assertEqual((response.id, response.model_name), ("of the body", "identity"))
        self.assertEqual(headers["x-request-id"], "of-the-header")

    async def test_compressed_responses(self):
        """compressed responses: the client always accepts them"""
        sent = REPETITIVE
        for binary in (True, False):
            headers = {}
            given = [input_of(sent, "FP32", binary=binary)]
            response = await self.infer(given, COMPRESSING, binary=binary, response_headers=headers)
            self.assert_same(response, sent)
            self.assertIn(headers["content-encoding"], ("gzip", "deflate", "zstd"))

    async def test_rejections(self):
        """invalid requests: the status, and the message in the exception of the client"""
        for array, datatype, name, text in [
            (np.zeros((1, 3), np.float32), "FP32", "features", "[1, 3]"),
            (np.zeros((1, 4), np.bool_), "BOOL", "features", "BOOL"),
            (np.zeros((1, 4), np.float32), "FP32", "petals", "'features'"),
        ]:
            for binary in (True, False):
                call = self.infer([input_of(array, datatype, name, binary)], IRIS, "iris")
                await self.assert_rejected(400, call, f"'{name}'", text)
        flowers = [input_of(FLOWERS, "FP32", "features")]
        await self.assert_rejected(404, self.infer(flowers, IRIS, "none"), "none")

    async def test_many_at_once(self):
        """many concurrent requests"""
        arrays = [np.full(100, number, np.int32) for number in range(32)]
        calls = (self.infer([input_of(array, "INT32")]) for array in arrays)
        for array, response in zip(arrays, await asyncio.gather(*calls), strict=True):
            self.assert_same(response, array)
