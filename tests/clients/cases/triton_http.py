"""NVIDIA's `tritonclient` over HTTP: the same cases with the blocking and with the async client."""

import asyncio
import inspect
import json
import struct
import unittest
from urllib.parse import urlsplit

import ml_dtypes
import numpy as np
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from .values import BYTES, COMPRESSING, FLOWERS, IDENTITY, IRIS, REPETITIVE, SPECIES, TEXTS, numbers, plain, same, version

HTTP = tritonclient.http


def input_of(array, name="x", binary=True):
    """Makes an input from an array."""
    given = HTTP.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return given.set_data_from_numpy(array, binary_data=binary)


def output(name="x", binary=True):
    """Makes a requested output."""
    return HTTP.InferRequestedOutput(name, binary_data=binary)


class Cases:
    """The cases of both clients."""

    async def asyncSetUp(self):
        opened = (self.open(urlsplit(url).netloc) for url in (IRIS, IDENTITY, COMPRESSING))
        self.iris, self.identity, self.compressing = opened

    async def asyncTearDown(self):
        for client in (self.iris, self.identity, self.compressing):
            await self.ask(client.close)

    async def ask(self, call, *arguments, **more):
        """Calls a method of either client and returns its result. The call happens on await, so that its failure can be
        caught."""
        answer = call(*arguments, **more)
        return await answer if inspect.isawaitable(answer) else answer

    async def infer(self, arrays, *, client=None, binary=True, outputs=None, **more):
        """Sends an inference to the identity."""
        arrays = arrays if isinstance(arrays, dict) else {"x": arrays}
        inputs = [input_of(array, name, binary) for name, array in arrays.items()]
        return await self.ask((client or self.identity).infer, "identity", inputs, outputs=outputs, **more)

    async def assert_rejected(self, status, call, *texts):
        """Awaits a call that must fail with this status and a message that contains these parts."""
        with self.assertRaises(InferenceServerException) as caught:
            await call
        self.assertEqual(caught.exception.status(), str(status), caught.exception)
        for text in texts:
            self.assertIn(text, caught.exception.message())

    def assert_same(self, result, sent, name="x", binary=None):
        """Checks that a tensor was returned unchanged, and in the given form."""
        got = result.as_numpy(name)
        self.assertTrue(same(got, sent), f"{sent.dtype}: expected {sent!r}, got {got!r}")
        if binary is not None:
            self.assertEqual("data" not in result.get_output(name), binary)

    async def test_health(self):
        """the server is live, it and its models are ready, an unknown model is not"""
        self.assertIs(await self.ask(self.iris.is_server_live), True)
        self.assertIs(await self.ask(self.iris.is_server_ready), True)
        self.assertIs(await self.ask(self.iris.is_model_ready, "iris"), True)
        self.assertIs(await self.ask(self.iris.is_model_ready, "iris", version(IRIS, "iris")), True)
        self.assertIs(await self.ask(self.iris.is_model_ready, "none"), False)
        self.assertIs(await self.ask(self.iris.is_model_ready, "iris", "none"), False)

    async def test_metadata(self):
        """metadata of the server and of its model"""
        server = await self.ask(self.iris.get_server_metadata)
        self.assertIn("binary_tensor_data", server["extensions"])
        model = await self.ask(self.iris.get_model_metadata, "iris")
        self.assertEqual(model["name"], "iris")
        self.assertEqual(model["inputs"], [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}])
        self.assertEqual([of["name"] for of in model["outputs"]], ["label", "probabilities"])
        await self.assert_rejected(404, self.ask(self.iris.get_model_metadata, "none"), "none")

    async def test_binary(self):
        """every numeric datatype, including FP16 and BF16, in binary form, in both directions"""
        for datatype, sent in numbers().items():
            result = await self.infer(sent)
            self.assert_same(result, sent, binary=True)
            self.assertEqual(result.get_output("x")["datatype"], datatype)

    async def test_json(self):
        """every numeric datatype in JSON, in both directions"""
        for datatype, sent in numbers().items():
            # The client sends BF16 in binary form only.
            result = await self.infer(sent, binary=datatype == "BF16", outputs=[output(binary=False)])
            self.assert_same(result, sent, binary=False)

    async def test_mixed(self):
        """JSON and binary in one request, and in one response"""
        sent = numbers()
        inputs = [input_of(sent["FP64"], "a", False), input_of(sent["BF16"], "b"), input_of(sent["INT8"], "c", False)]
        inputs += [input_of(BYTES, "d"), input_of(sent["UINT64"], "e")]
        asked = [output("e", False), output("d"), output("a"), output("c", False), output("b")]
        result = await self.ask(self.identity.infer, "identity", inputs, outputs=asked)
        self.assertEqual([of["name"] for of in result.get_response()["outputs"]], ["e", "d", "a", "c", "b"])
        arrays = {"a": sent["FP64"], "b": sent["BF16"], "c": sent["INT8"], "d": BYTES, "e": sent["UINT64"]}
        for name, array in arrays.items():
            self.assert_same(result, array, name, binary=name in "abd")

    async def test_bytes(self):
        """BYTES: any bytes in binary form, texts in JSON"""
        self.assert_same(await self.infer(BYTES), BYTES, binary=True)
        self.assert_same(await self.infer(TEXTS), TEXTS, binary=True)
        self.assert_same(await self.infer(TEXTS, binary=False), TEXTS, binary=True)
        asked = [output(binary=False)]
        self.assert_same(await self.infer(TEXTS, outputs=asked), TEXTS, binary=False)
        self.assert_same(await self.infer(TEXTS, binary=False, outputs=asked), TEXTS, binary=False)

    async def test_not_numbers(self):
        """NaN and the infinities are returned in binary form and are an error in JSON"""
        for dtype in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64):
            sent = np.array([np.nan, np.inf, -np.inf], dtype)
            self.assert_same(await self.infer(sent), sent, binary=True)
        await self.assert_rejected(400, self.infer(sent, outputs=[output(binary=False)]), "'x'")

    async def test_empty(self):
        """tensors without elements"""
        for sent in (np.zeros((0, 3), np.float32), np.zeros(0, np.object_)):
            for binary in (True, False):
                result = await self.infer(sent, outputs=[output(binary=binary)])
                self.assertEqual(result.get_output("x")["shape"], list(sent.shape))
                self.assertEqual(result.as_numpy("x").size, 0)

    async def test_large(self):
        """a tensor of four megabytes, in binary form and in JSON"""
        sent = np.random.default_rng(0).standard_normal((1000, 1000)).astype(np.float32)
        self.assert_same(await self.infer(sent), sent, binary=True)
        self.assert_same(await self.infer(sent, binary=False, outputs=[output(binary=False)]), sent, binary=False)

    async def test_compressed_requests(self):
        """requests in gzip and deflate, in binary form and in JSON"""
        sent = REPETITIVE
        for coding in ("gzip", "deflate"):
            for binary in (True, False):
                result = await self.infer(sent, binary=binary, request_compression_algorithm=coding)
                self.assert_same(result, sent, binary=True)

    async def test_compressed_responses(self):
        """responses in gzip and deflate, in binary form and in JSON, from a server with compression"""
        sent = REPETITIVE
        body, _ = HTTP.InferenceServerClient.generate_request_body([input_of(sent, binary=False)], outputs=[output()])
        for coding in ("gzip", "deflate"):
            headers, got = plain(f"{COMPRESSING}/v2/models/identity/infer", body, {"Accept-Encoding": coding})
            self.assertEqual(headers["Content-Encoding"], coding)
            self.assertLess(len(got), sent.nbytes)
            for binary in (True, False):
                more = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
                result = await self.infer(sent, client=self.compressing, outputs=[output(binary=binary)], **more)
                self.assert_same(result, sent, binary=binary)

    async def test_compression_disabled(self):
        """uncompressed responses from a server without compression"""
        sent = REPETITIVE
        self.assert_same(await self.infer(sent, response_compression_algorithm="gzip"), sent, binary=True)

    async def test_named_tensors(self):
        """iris by name: JSON and binary, all outputs or some, in the requested order"""
        for binary in (True, False):
            inputs = [input_of(FLOWERS, "features", binary)]
            result = await self.ask(self.iris.infer, "iris", inputs)
            self.assertEqual([name.decode() for name in result.as_numpy("label")], SPECIES)
            probabilities = result.as_numpy("probabilities")
            self.assertEqual((probabilities.dtype, probabilities.shape), (np.float32, (3, 3)))
            self.assertEqual(list(probabilities.argmax(1)), [0, 1, 2])
            np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)

            asked = [output("probabilities"), output("label", binary=False)]
            result = await self.ask(self.iris.infer, "iris", inputs, outputs=asked)
            self.assertEqual([of["name"] for of in result.get_response()["outputs"]], ["probabilities", "label"])
            self.assertEqual(list(result.as_numpy("label")), SPECIES)
            np.testing.assert_array_equal(result.as_numpy("probabilities"), probabilities)

            result = await self.ask(self.iris.infer, "iris", inputs, outputs=[output("label")])
            self.assertIsNone(result.as_numpy("probabilities"))

    async def test_ids_and_versions(self):
        """the id is returned, the version is found, other versions and models are not"""
        sent = numbers()["INT8"]
        result = await self.infer(sent, request_id="a request", model_version=version(IDENTITY, "identity"))
        response = result.get_response()
        self.assertEqual((response["id"], response["model_name"]), ("a request", "identity"))
        await self.assert_rejected(404, self.infer(sent, model_version="none"), "none")
        await self.assert_rejected(404, self.ask(self.iris.infer, "none", [input_of(FLOWERS, "features")]), "none")

    async def test_parameters(self):
        """unknown parameters have no effect"""
        sent = numbers()["INT8"]
        more = {"priority": 1, "timeout": 1_000_000, "sequence_id": 7, "sequence_start": True, "sequence_end": True}
        more |= {"parameters": {"text": "a", "number": 1.5, "flag": True}, "query_params": {"a": ["b", "c"]}}
        self.assert_same(await self.infer(sent, headers={"X-Request-ID": "abc"}, **more), sent)

    async def test_rejections(self):
        """invalid requests: the status, and a message that names the input"""
        flowers = [
            (np.zeros((1, 3), np.float32), "features", "[1, 3]"),
            (np.zeros((1, 4), np.bool_), "features", "BOOL"),
            (np.zeros((1, 4), np.float32), "petals", "'features'"),
            (np.array([["a", "b", "c", "d"]], np.object_), "features", "BYTES"),
        ]
        for array, name, text in flowers:
            for binary in (True, False):
                call = self.ask(self.iris.infer, "iris", [input_of(array, name, binary)])
                await self.assert_rejected(400, call, f"'{name}'", text)
        call = self.ask(self.iris.infer, "iris", [input_of(FLOWERS, "features")], outputs=[output("colour")])
        await self.assert_rejected(400, call, "outputs[0].name", "probabilities")

    async def test_wrong_sizes(self):
        """a shape that does not match the data is rejected, in binary form and in JSON"""
        for array in (np.zeros(4, np.float32), np.array(["a", "b"], np.object_)):
            for binary in (True, False):
                given = input_of(array, binary=binary).set_shape([3])
                await self.assert_rejected(400, self.ask(self.identity.infer, "identity", [given]), "'x'", "3")

    async def test_separate_bodies(self):
        """a body built by the client and sent by other code, a response parsed from its bytes"""
        sent = numbers()["FP16"]
        body, length = self.kind.generate_request_body([input_of(sent)])
        headers = {"Inference-Header-Content-Length": str(length), "Content-Type": "application/octet-stream"}
        headers, got = plain(f"{IDENTITY}/v2/models/identity/infer", body, headers)
        length = int(headers["Inference-Header-Content-Length"])
        self.assert_same(self.kind.parse_response_body(got, header_length=length), sent, binary=True)

    async def test_raw(self):
        """the raw form of Triton's extension: a body that is one tensor"""
        body = b"".join(struct.pack("<f", value) for value in FLOWERS[0])
        headers = {"Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"}
        headers, got = plain(f"{IRIS}/v2/models/iris/infer", body, headers)
        length = int(headers["Inference-Header-Content-Length"])
        self.assertEqual([of["name"] for of in json.loads(got[:length])["outputs"]], ["label", "probabilities"])
        result = self.kind.parse_response_body(got, header_length=length)
        self.assertEqual(list(result.as_numpy("label")), [b"setosa"])


class Sync(Cases, unittest.IsolatedAsyncioTestCase):
    """The blocking client."""

    client = "tritonclient"
    kind = HTTP.InferenceServerClient

    def open(self, address):
        """Creates a client of a server."""
        return HTTP.InferenceServerClient(address, connection_timeout=60, network_timeout=60, concurrency=4)

    async def test_many_at_once(self):
        """many concurrent requests"""
        arrays = [np.full(100, number, np.int32) for number in range(32)]
        calls = [self.identity.async_infer("identity", [input_of(array)]) for array in arrays]
        for array, call in zip(arrays, calls, strict=True):
            self.assert_same(call.get_result(), array)


class Aio(Cases, unittest.IsolatedAsyncioTestCase):
    """The async client."""

    client = "tritonclient.aio"
    kind = HTTP.aio.InferenceServerClient

    def open(self, address):
        """Creates a client of a server."""
        return HTTP.aio.InferenceServerClient(address, conn_timeout=60)

    async def test_many_at_once(self):
        """many concurrent requests"""
        arrays = [np.full(100, number, np.int32) for number in range(32)]
        for array, result in zip(arrays, await asyncio.gather(*map(self.infer, arrays)), strict=True):
            self.assert_same(result, array)
