"""OpenAI's Python client against a language model: texts, conversations, streams, probabilities, stop texts, errors, and a
caller that leaves. With a tiny random network, and an answer of the real weights where they are there."""

import math
import unittest

import openai

from .values import GENERATION, REAL_GENERATION, in_flight

MESSAGES = [{"role": "user", "content": "the cat sees a dog"}]
CHAT = {"messages": MESSAGES, "temperature": 0, "max_tokens": 12}
TEXT = {"prompt": "the cat sees a", "temperature": 0, "max_tokens": 12}


def joined(tokens):
    """Returns the text of tokens. Special ones have no bytes."""
    return b"".join(bytes(token.bytes or []) for token in tokens).decode()


class Tiny(unittest.TestCase):
    """The tiny random network, or the one at the URL that `--generation` gives."""

    client, url = "openai, tiny network", GENERATION

    def setUp(self):
        self.api = openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=120)
        self.addCleanup(self.api.close)

    def chat(self, **more):
        """Answers a conversation."""
        return self.api.chat.completions.create(**{"model": "text-generation"} | CHAT | more)

    def text(self, **more):
        """Continues a text."""
        return self.api.completions.create(**{"model": "text-generation"} | TEXT | more)

    def test_text(self):
        """a text: the same each time, with its tokens counted"""
        answers = [self.text() for _ in range(2)]
        self.assertEqual(*(answer.choices[0].text for answer in answers))
        self.assertTrue(answers[0].choices[0].text)
        usage = answers[0].usage
        self.assertTrue(1 <= usage.completion_tokens <= 12)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_conversation(self):
        """a conversation: several answers, each with its own seed"""
        answer = self.chat(n=3, seed=7, temperature=1.5)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        again = self.chat(n=3, seed=7, temperature=1.5)
        self.assertEqual(*([choice.message.content for choice in of.choices] for of in (answer, again)))
        self.assertGreater(len({choice.message.content for choice in answer.choices}), 1)

    def test_stream(self):
        """a streamed conversation is the whole one, with the number of tokens at the end"""
        whole = self.chat()
        *chunks, last = self.chat(stream=True, stream_options={"include_usage": True})
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), whole.choices[0].message.content)
        self.assertEqual(chunks[-1].choices[0].finish_reason, whole.choices[0].finish_reason)
        self.assertEqual(last.usage, whole.usage)

    def test_probabilities(self):
        """a conversation with probabilities, whole and streamed"""
        whole = self.chat(logprobs=True, top_logprobs=5)
        tokens = whole.choices[0].logprobs.content
        self.assertEqual(len(tokens), whole.usage.completion_tokens)
        self.assertEqual(joined(tokens), whole.choices[0].message.content)
        for token in tokens:
            top = token.top_logprobs
            self.assertEqual((len(top), top[0].token, top[0].logprob), (5, token.token, token.logprob))
            self.assertEqual([other.logprob for other in top], sorted((other.logprob for other in top), reverse=True))
            self.assertLessEqual(sum(math.exp(other.logprob) for other in top), 1.00001)
        chunks = list(self.chat(logprobs=True, top_logprobs=5, stream=True))
        parts = [chunk.choices[0] for chunk in chunks]
        streamed = [token for part in parts if part.logprobs for token in part.logprobs.content]
        self.assertEqual(streamed, tokens)

    def test_probabilities_of_a_text(self):
        """a text with probabilities, whole and streamed"""
        whole = self.text(logprobs=3)
        text, of = whole.choices[0].text, whole.choices[0].logprobs
        self.assertEqual({len(of.tokens), len(of.token_logprobs), len(of.top_logprobs), len(of.text_offset)},
                         {whole.usage.completion_tokens})
        for token, logprob, top, offset in zip(of.tokens, of.token_logprobs, of.top_logprobs, of.text_offset):
            self.assertEqual(top[token], logprob)
            self.assertEqual(max(top.values()), logprob)
            if not token.startswith(("<", "bytes:")):
                self.assertEqual(text[offset:offset + len(token)], token)
        parts = [chunk.choices[0].logprobs for chunk in self.text(logprobs=3, stream=True) if chunk.choices[0].logprobs]
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            self.assertEqual([value for part in parts for value in getattr(part, name)], getattr(of, name))

    def test_stop(self):
        """a stop text ends the text before it"""
        whole = self.chat().choices[0].message.content
        stop = whole[len(whole) // 2:][:3]
        answer = self.chat(stop=[stop, "never there"]).choices[0]
        self.assertEqual((answer.message.content, answer.finish_reason), (whole[:whole.index(stop)], "stop"))

    def test_errors(self):
        """the errors of the client name the member"""
        for given, param in (({"top_logprobs": 2}, "top_logprobs"), ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
                             ({"messages": [{"role": "user", "content": "cat " * 10_000}]}, "messages")):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.chat(**given)
            self.assertEqual(caught.exception.param, param)

    def test_cancelled(self):
        """a caller that leaves its stream ends the generation"""
        stream = self.chat(max_tokens=2000, stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(in_flight(self.url, 0))


if REAL_GENERATION:

    class Real(unittest.TestCase):
        """The real weights: few tokens, because the engine is built without optimization."""

        client, url = "openai, SmolLM2", REAL_GENERATION

        def test_answer(self):
            """an answer that is right, streamed with probabilities"""
            with openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=120) as api:
                messages = [{"role": "user", "content": "What is the capital of France?"}]
                chunks = list(api.chat.completions.create(
                    model="text-generation", messages=messages, temperature=0, max_tokens=12, logprobs=True, stream=True))
            parts = [chunk.choices[0] for chunk in chunks]
            self.assertEqual("".join(part.delta.content or "" for part in parts), "The capital of France is Paris.")
            tokens = [token for part in parts if part.logprobs for token in part.logprobs.content]
            self.assertEqual((tokens[0].token, tokens[-2].token), ("The", " Paris"))
            self.assertGreater(tokens[-2].logprob, math.log(0.5))
