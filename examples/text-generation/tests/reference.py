#!/usr/bin/env python3
"""Writes answers of Llama networks, computed by numpy in double precision, without candle: those of a tiny random network,
whose files it also writes, into `tiny/`, and after `../fetch` those of SmolLM2 into `reference.json`, and the tokens of texts into `tokens.json`.

    python3 -m venv target/generation && target/generation/bin/pip install numpy==2.4.6 gguf==0.19.0 tokenizers==0.23.3
    target/generation/bin/python examples/text-generation/tests/reference.py
"""

import json
import struct
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
GGUF = HERE.parent / "model" / "SmolLM2-135M-Instruct.Q4_1.gguf"


class Llama:
    """A network with the sizes of `config.json` and tensors by the names of Hugging Face."""

    def __init__(self, config, tensors):
        self.config, self.tensors = config, {name: tensor.astype(np.float64) for name, tensor in tensors.items()}

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * self.tensors[name]

    def rotated(self, x, positions):
        size = x.shape[-1]
        angles = positions[:, None] * self.config["rope_theta"] ** (-np.arange(0, size, 2) / size)
        cos, sin = np.cos(angles), np.sin(angles)
        first, second = x[..., : size // 2], x[..., size // 2 :]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)

    def logits(self, cache, tokens):
        """Reads tokens into a cache, a list of keys and values by layer. Returns the logits of the next token."""
        config, heads, key_heads = self.config, self.config["num_attention_heads"], self.config["num_key_value_heads"]
        size = config["hidden_size"] // heads
        x = self.tensors["model.embed_tokens.weight"][tokens]
        before = cache[0][0].shape[1] if cache else 0
        positions = np.arange(before, before + len(tokens))
        for index in range(config["num_hidden_layers"]):
            name = f"model.layers.{index}."
            weight = lambda part: self.tensors[f"{name}{part}.weight"].T
            normed = self.norm(x, name + "input_layernorm.weight")
            split = lambda x, heads: x.reshape(len(tokens), heads, size).swapaxes(0, 1)
            q = self.rotated(split(normed @ weight("self_attn.q_proj"), heads), positions)
            k = self.rotated(split(normed @ weight("self_attn.k_proj"), key_heads), positions)
            v = split(normed @ weight("self_attn.v_proj"), key_heads)
            if before:
                k, v = np.concatenate([cache[index][0], k], 1), np.concatenate([cache[index][1], v], 1)
                cache[index] = (k, v)
            else:
                cache.append((k, v))
            k, v = np.repeat(k, heads // key_heads, 0), np.repeat(v, heads // key_heads, 0)
            scores = q @ k.swapaxes(1, 2) / np.sqrt(size)
            scores[:, np.arange(k.shape[1])[None, :] > positions[:, None]] = -np.inf
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            shares /= shares.sum(-1, keepdims=True)
            x = x + (shares @ v).swapaxes(0, 1).reshape(len(tokens), -1) @ weight("self_attn.o_proj")
            normed = self.norm(x, name + "post_attention_layernorm.weight")
            gate = normed @ weight("mlp.gate_proj")
            x = x + (gate / (1 + np.exp(-gate)) * (normed @ weight("mlp.up_proj"))) @ weight("mlp.down_proj")
        return self.norm(x[-1], "model.norm.weight") @ self.tensors["model.embed_tokens.weight"].T

    def answer(self, prompt, most, end):
        """Returns the most likely tokens after a prompt, and the smallest lead of one over the next best."""
        cache, tokens, read, lead = [], [], list(prompt), np.inf
        while len(tokens) < most:
            logits = self.logits(cache, read)
            second, first = np.sort(logits)[-2:]
            lead = min(lead, first - second)
            token = int(logits.argmax())
            if token == end:
                return tokens, "stop", lead
            tokens.append(token)
            read = [token]
        return tokens, "length", lead


def tiny():
    """Writes the files of a network of some thousand weights, and its answers."""
    folder = HERE / "tiny"
    folder.mkdir(exist_ok=True)
    words = ["<end>", "<user>", "<assistant>", "<system>", *"the a cat dog bird sees hears eats big small red blue and or of to is was".split()]
    config = {
        "vocab_size": len(words),
        "max_position_embeddings": 64,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "eos_token_id": 0,
    }
    width, inner, keys = 16, 24, 8
    shapes = {"model.embed_tokens.weight": (len(words), width), "model.norm.weight": (width,)}
    for index in range(config["num_hidden_layers"]):
        layer = {
            "input_layernorm": (width,),
            "self_attn.q_proj": (width, width),
            "self_attn.k_proj": (keys, width),
            "self_attn.v_proj": (keys, width),
            "self_attn.o_proj": (width, width),
            "post_attention_layernorm": (width,),
            "mlp.gate_proj": (inner, width),
            "mlp.up_proj": (inner, width),
            "mlp.down_proj": (width, inner),
        }
        shapes |= {f"model.layers.{index}.{name}.weight": shape for name, shape in layer.items()}
    random = np.random.default_rng(5)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        values = 1 + random.normal(0, 0.1, shape) if len(shape) == 1 else random.normal(0, 0.6, shape)
        tensors[name] = values.astype("<f4")
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    data = b"".join(tensor.tobytes() for tensor in tensors.values())
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    added = [
        {"id": id, "content": word, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for id, word in enumerate(words[:4])
    ]
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": {word: id for id, word in enumerate(words)}, "unk_token": "the"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")
    template = (
        "{% for message in messages %}<{{ message['role'] }}> {{ message['content'] | trim }} <end> {% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    settings = {"model_max_length": 64, "eos_token": "<end>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    network, answers = Llama(config, tensors), []
    for conversation in (
        [("user", "the cat sees a dog")],
        [("system", "a big bird"), ("user", "the red dog eats")],
        [("user", "is the small bird blue"), ("assistant", "the bird is red"), ("user", "and the cat")],
        [("user", "a")],
    ):
        text = "".join(f"<{role}> {content} <end> " for role, content in conversation) + "<assistant>"
        prompt = [words.index(word) for word in text.split()]
        tokens, reason, lead = network.answer(prompt, 20, 0)
        messages = [{"role": role, "content": content} for role, content in conversation]
        answers.append(answer(messages, prompt, tokens, " ".join(words[token] for token in tokens if token > 3), reason, lead))
    write(folder / "reference.json", answers)


def tokenizer_of(field):
    """Returns the tokenizer of a GGUF file of SmolLM2, put together by the library of Hugging Face as its `tokenizer.json` is."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "I'm sure they've said we'll see what she'd do, isn't it? IT'S o'clock.",
    "In 2024, 1234567 people paid $3.50 (or 12,000.75 kr) at 07:45:09.",
    "def area(width: int, height: int) -> int:\n    return width * height  # pixels\n",
    "\tone\ttab,  two  spaces,   three   spaces\n\n\nand lines\r\nof Windows   ",
    "   leading blanks",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Dès Noël, où un zéphyr haï me vêt de glaçons würmiens, je dîne d’exquis rôtis.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "我能吞下玻璃而不伤身体。今天是2024年3月5日。",
    "いろはにほへと ちりぬるを、カタカナも漢字も。",
    "다람쥐 헌 쳇바퀴에 타고파",
    "نص حكيم له سر قاطع وذو شأن عظيم ٣٤٥",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश",
    "👩‍👩‍👧‍👦 family, 🇫🇷 flag, 👍🏽 thumb, ☃️ snow",
    "e\u0301 combined, \u00e9 composed, \ufb01 ligature, \u00a0 no-break, \u200b zero width, \u3000 wide",
    "https://example.org/a/b?c=1&d=%20x#frag and mail@example.org",
    "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start>not a token|> <|endoftext|>after it",
    "∑ᵢ xᵢ² ≤ ½·π ≈ 1.5708 ⇒ ∀ε>0 ∃δ\x00\x07\x7f",
]


def tokens():
    """Writes the tokens of texts."""
    from gguf import GGUFReader

    file = GGUFReader(GGUF)
    tokenizer = tokenizer_of(lambda name: file.fields[name].contents())
    write(HERE / "tokens.json", [{"text": text, "tokens": tokenizer.encode(text).ids} for text in TEXTS])


def smollm2():
    """Writes answers of SmolLM2."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    file = GGUFReader(GGUF)
    field = lambda name: file.fields[name].contents()
    heads, key_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    config = {
        "hidden_size": field("llama.embedding_length"),
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "rms_norm_eps": field("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": field("llama.rope.freq_base"),
    }
    names = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    tensors = {}
    for tensor in file.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        if tensor.name.startswith("blk."):
            _, index, part, _ = tensor.name.split(".")
            if part in ("attn_q", "attn_k"):
                # The two halves of each head are in turns in a GGUF file.
                count = heads if part == "attn_q" else key_heads
                values = values.reshape(count, -1, 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
            tensors[f"model.layers.{index}.{names[part]}.weight"] = values
        else:
            tensors[{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[tensor.name]] = values
    tokenizer = tokenizer_of(field)
    network, answers = Llama(config, tensors), []
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    for question, most in (("What is the capital of France?", 24), ("Write one sentence about the sea.", 24), ("List three colours.", 24)):
        text = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        prompt = tokenizer.encode(text).ids
        ids, reason, lead = network.answer(prompt, most, field("tokenizer.ggml.eos_token_id"))
        answers.append(answer([{"role": "user", "content": question}], prompt, ids, tokenizer.decode(ids), reason, lead))
    write(HERE / "reference.json", answers)


def answer(messages, prompt, tokens, text, reason, lead):
    assert lead > 1e-3, f"the choice of a token is too close: {lead}"
    return {
        "messages": messages,
        "generated_text": text,
        "finish_reason": reason,
        "prompt_tokens": len(prompt),
        "completion_tokens": len(tokens),
    }


def write(path, answers):
    path.write_text("[\n" + ",\n".join(json.dumps(answer) for answer in answers) + "\n]\n")


tiny()
if GGUF.exists():
    tokens()
    smollm2()
