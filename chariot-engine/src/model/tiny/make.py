"""Writes small GGUF files, one for each kind of pre-tokenizer, and `tokens.json`: texts with the tokens that each file gives.

Needs the Python packages gguf (0.19), regex and tokenizers (0.23): make.py THIS_FOLDER

The merges are learned on text that is not split, so that they go across words, digits and marks: another split gives other
tokens. The tokens are computed here by the rules of llama.cpp, naively, without the package tokenizers.
"""
import json, pathlib, sys, unicodedata
import gguf, regex
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT_2 = [r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"]
SPLITS = {
    "gpt-2": GPT_2,
    "smollm": [r"\p{N}", *GPT_2],
    "llama-bpe": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "qwen2": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
}
SPECIAL = ["<|start|>", "<|end|>"]
TEXTS = [
    "",
    "Hello world! 123",
    "It's 12345.67 days, isn't it? WE'LL SEE THAT'S 2024-11-30.",
    "  two spaces,   three,\tand a tab \n\n  then\r\nlines\n",
    "naïve cafe\u0301 déjà vu, Ωμέγα слово 日本語テキスト 한국어",
    "👩\u200d👩\u200d👧 🇩🇪 ½ ² Ⅷ ٣٤٥ ",
    "<|start|>user\nwhat's 1+1?<|end|>\n<|start|>",
    "fn main() { println!(\"{}\", 1 << 20); } // 100% 'quoted' x_y-z",
    " 1 22 333 4444 55555   666666",
    "a\u00a0b\u3000c… «d» —e",
]


def alphabet():
    """Returns the character that stands for each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(others)) for byte in range(256)]


BYTES = alphabet()


def split(parts, pattern):
    """Splits each part at the matches of a pattern, which are parts of their own."""
    for part in parts:
        end = 0
        for match in regex.finditer(pattern, part):
            if match.start() > end:
                yield part[end : match.start()]
            yield match.group()
            end = match.end()
        if end < len(part):
            yield part[end:]


def tokens(text, kind, ids, ranks):
    result = []
    for part in regex.split("(" + "|".join(map(regex.escape, SPECIAL)) + ")", text):
        if part in SPECIAL:
            result.append(ids[part])
            continue
        words = [unicodedata.normalize("NFC", part) if kind == "qwen2" else part]
        for pattern in SPLITS[kind]:
            words = split(words, pattern)
        for word in words:
            symbols = [BYTES[byte] for byte in word.encode()]
            if kind == "llama-bpe" and "".join(symbols) in ids:
                symbols = ["".join(symbols)]
            while True:
                pairs = [(ranks[pair], at) for at, pair in enumerate(zip(symbols, symbols[1:])) if pair in ranks]
                if not pairs:
                    break
                _, at = min(pairs)
                symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
            result += [ids[symbol] for symbol in symbols if symbol in ids]
    return result


def learned():
    """Returns the tokens and the merges."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    texts = [text for text in TEXTS if "<|" not in text] * 2 + [word for text in TEXTS for word in text.split()]
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(bpe.to_str())["model"]
    vocabulary = sorted(model["vocab"], key=model["vocab"].get)
    return vocabulary + SPECIAL, [tuple(merge) for merge in model["merges"]]


def write(path, kind, vocabulary, merges):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(kind)
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in vocabulary])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(len(vocabulary) - 2)
    writer.add_eos_token_id(len(vocabulary) - 1)
    writer.add_pad_token_id(len(vocabulary) - 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    out = pathlib.Path(sys.argv[1])
    vocabulary, merges = learned()
    ids = {token: index for index, token in enumerate(vocabulary)}
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    cases = {}
    for kind in SPLITS:
        write(out / f"{kind}.gguf", kind, vocabulary, merges)
        cases[kind] = [tokens(text, kind, ids, ranks) for text in TEXTS]
    document = {"texts": TEXTS, "tokens": cases}
    (out / "tokens.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
