"""Writes the small tokenizers of this folder, trained on the pages of the guide.

Needs the Python package tokenizers (0.23): make.py ROOT_OF_THE_REPOSITORY THIS_FOLDER
"""
import pathlib, json, sys
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers, decoders
root = pathlib.Path(sys.argv[1]); out = pathlib.Path(sys.argv[2]); out.mkdir(parents=True, exist_ok=True)
texts = [p.read_text() for p in sorted(root.glob("chariot-engine/src/docs/guide/*.md"))]
def save(name, tok):
    tok.save(str(out / f"{name}.json"), pretty=False)
    print(name, (out / f"{name}.json").stat().st_size)
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
bert.normalizer = normalizers.BertNormalizer(lowercase=True)
bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
bert.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, limit_alphabet=60, show_progress=False))
bert.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
bert.enable_padding(length=128, pad_id=0, pad_token="[PAD]"); bert.enable_truncation(16)
save("wordpiece", bert)
bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=500, special_tokens=["<s>", "<pad>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
bpe.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
save("byte-level", bpe)
uni = Tokenizer(models.Unigram())
uni.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(__import__("tokenizers").Regex(" {2,}"), " ")])
uni.pre_tokenizer = pre_tokenizers.Metaspace()
uni.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False, max_piece_length=8))
save("unigram", uni)
# Spaces become signs, and nothing splits the text: as in Llama 2 and Gemma.
whole = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False, fuse_unk=True))
whole.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
whole.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
whole.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>"], limit_alphabet=60, show_progress=False))
doc = json.loads(whole.to_str()); doc["pre_tokenizer"] = None
(out / "whole-text.json").write_text(json.dumps(doc, ensure_ascii=False, separators=(",", ":")))
print("whole", (out / "whole-text.json").stat().st_size)
