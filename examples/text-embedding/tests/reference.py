#!/usr/bin/env python3
"""Writes reference.json: texts with their numbers of tokens and their vectors, computed by numpy in double precision, without
candle and ONNX. Run it with the Python of `benches/onnx/run`, after `../fetch`:

    target/onnx-bench/venv/bin/python examples/text-embedding/tests/reference.py
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.append(str(HERE.parents[2] / "benches" / "onnx"))
import minilm

TEXTS = [
    "",
    "This is an example sentence",
    "Each sentence is converted",
    "Grüße aus Köln: naïve café, Ωμέγα",
    "Съешь ещё булок. مرحبا. नमस्ते",
    "日本語のテキスト, 한국어와 中文",
    "👩‍👩‍👧 🎉🇩🇪 A party! \u0000 e\u0301",
    "Serving models is a matter of bookkeeping, mostly. " * 40,
]

tokenizer = Tokenizer.from_file(str(HERE.parent / "model" / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(minilm.MAX_TOKENS)
reference = minilm.Reference(HERE.parent / "model")
lines = []
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    vector = [float(f"{value:.7g}") for value in reference.vector(ids)]
    lines.append(json.dumps({"text": text, "tokens": len(ids), "vector": vector}))
(HERE / "reference.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
