"""OpenAI's Python client, blocking and async, and LangChain's models on top of it: conversations, texts, streams, vectors,
errors, and a caller that leaves."""

import inspect
import unittest

import openai
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from .values import ENDING, OPENAI, in_flight

MESSAGES = [{"role": "system", "content": "Run."}, {"role": "user", "content": "the fox"}]
KEY = "none"


class Cases:
    """The cases of both clients."""

    async def asyncSetUp(self):
        self.api = self.kind(base_url=f"{OPENAI}/v1", api_key=KEY, max_retries=0, timeout=60)

    async def asyncTearDown(self):
        await self.done(self.api.close())

    async def done(self, answer):
        """Returns the answer of either client."""
        return await answer if inspect.isawaitable(answer) else answer

    async def items(self, stream):
        """Returns what either client streams."""
        stream = await self.done(stream)
        if hasattr(stream, "__aiter__"):
            return [item async for item in stream]
        return list(stream)

    async def chat(self, **more):
        """Answers a conversation."""
        given = {"model": "openai", "messages": MESSAGES, "max_tokens": 3} | more
        return await self.done(self.api.chat.completions.create(**given))

    async def fails(self, kind, answer):
        """Returns the error of an answer that must fail."""
        with self.assertRaises(kind) as caught:
            await answer
        return caught.exception

    async def test_conversation(self):
        """a conversation: message, reason, usage, and several answers"""
        answer = await self.chat(n=2, seed=0, temperature=0.5, top_p=1, stop=["sleeps"])
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual([choice.index for choice in answer.choices], [0, 1])
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertEqual(answer.choices[0].message.content, "runs over the")
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}),
                         {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9})

    async def test_streamed_conversation(self):
        """a streamed conversation, with usage"""
        stream = self.api.chat.completions.create(
            model="openai", messages=MESSAGES, max_tokens=3, stream=True, stream_options={"include_usage": True}
        )
        chunks = await self.items(stream)
        *chunks, last = chunks
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), "runs over the")
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertEqual((last.choices, last.usage.total_tokens), ([], 6))

    async def test_text(self):
        """texts, whole and streamed"""
        answer = await self.done(self.api.completions.create(model="openai", prompt=["the fox", "the hill"], max_tokens=2))
        self.assertEqual([choice.text for choice in answer.choices], ["runs over", "and the"])
        stream = self.api.completions.create(model="openai", prompt="the fox", max_tokens=2, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in await self.items(stream)), "runs over")

    async def test_vectors(self):
        """vectors, as numbers and as the client asks for them by default: in base64"""
        whole = [await self.done(self.api.embeddings.create(model="letters", input=["ab", "b a"], **more))
                 for more in ({}, {"encoding_format": "float"})]
        for answer in whole:
            self.assertEqual([len(of.embedding) for of in answer.data], [26, 26])
            self.assertEqual(answer.data[0].embedding, answer.data[1].embedding)
            self.assertEqual(answer.usage.total_tokens, 3)
        self.assertAlmostEqual(whole[0].data[0].embedding[0], whole[1].data[0].embedding[0], 6)

    async def test_models(self):
        """the list of models, and one of them"""
        models = self.api.models.list()
        if inspect.isawaitable(models):
            models = await models
        self.assertEqual([model.id for model in models.data], ["openai", "letters"])
        self.assertEqual((await self.done(self.api.models.retrieve("letters"))).id, "letters")

    async def test_errors(self):
        """the exceptions of the client: bad requests with their member, and unknown models"""
        error = await self.fails(openai.BadRequestError, self.chat(temperature=3))
        self.assertEqual((error.status_code, error.param, error.type), (400, "temperature", "invalid_request_error"))
        error = await self.fails(openai.BadRequestError, self.chat(tools=[{"type": "function", "function": {"name": "f"}}]))
        self.assertEqual(error.param, "tools")
        error = await self.fails(openai.NotFoundError, self.chat(model="none"))
        self.assertEqual(error.code, "model_not_found")
        await self.fails(openai.NotFoundError, self.done_later(lambda: self.api.models.retrieve("none")))

    async def done_later(self, call):
        """Calls either client when it is awaited."""
        return await self.done(call())

    async def test_failed_stream(self):
        """a stream that fails after its first chunk raises the error of the engine"""
        api = self.kind(base_url=f"{ENDING}/v1", api_key=KEY, max_retries=0, timeout=60)
        stream = await self.done(
            api.chat.completions.create(model="openai", messages=MESSAGES, max_tokens=10**9, stream=True)
        )
        parts = []

        async def read():
            if hasattr(stream, "__aiter__"):
                async for chunk in stream:
                    parts.append(chunk.choices[0].delta.content or "")
            else:
                for chunk in stream:
                    parts.append(chunk.choices[0].delta.content or "")

        error = await self.fails(openai.APIError, read())
        await self.done(api.close())
        self.assertTrue("".join(parts).startswith("runs over the"))
        self.assertEqual(error.type, "server_error")
        self.assertIn("deadline", error.message)

    async def test_cancelled(self):
        """a caller that leaves its stream ends the generation"""
        stream = await self.done(
            self.api.chat.completions.create(model="openai", messages=MESSAGES, max_tokens=10**9, stream=True)
        )
        if hasattr(stream, "__aiter__"):
            async for _ in stream:
                break
        else:
            next(iter(stream))
        await self.done(stream.close())
        self.assertTrue(in_flight(OPENAI, 0))


class Sync(Cases, unittest.IsolatedAsyncioTestCase):
    """The blocking client."""

    client = "openai"
    kind = openai.OpenAI


class Aio(Cases, unittest.IsolatedAsyncioTestCase):
    """The async client."""

    client = "openai async"
    kind = openai.AsyncOpenAI


class LangChain(unittest.TestCase):
    """LangChain's models."""

    client = "langchain-openai"

    def test_conversation(self):
        """LangChain: a conversation, whole and streamed"""
        chat = ChatOpenAI(model="openai", base_url=f"{OPENAI}/v1", api_key=KEY, max_tokens=3, max_retries=0)
        self.assertEqual(chat.invoke("the fox").content, "runs over the")
        self.assertEqual("".join(chunk.content for chunk in chat.stream("the fox")), "runs over the")

    def test_vectors(self):
        """LangChain: vectors"""
        given = {"base_url": f"{OPENAI}/v1", "api_key": KEY, "max_retries": 0, "check_embedding_ctx_length": False}
        vectors = OpenAIEmbeddings(model="letters", **given).embed_documents(["ab", "b a"])
        self.assertEqual((len(vectors[0]), vectors[0]), (26, vectors[1]))
