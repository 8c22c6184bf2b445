"""Writes references.json: conversations as Jinja writes them with the chat templates beside this script, in the environment
that Hugging Face's library transformers makes for them. Requires Jinja2 3.1.6.
"""

import json
from datetime import datetime
from pathlib import Path

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).resolve().parent


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda format: datetime.now().strftime(format)


def message(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = [
    [message("user", "What is a cat?")],
    [message("system", " Answer briefly. "), message("user", "What is\na cat?  ")],
    [message("user", "Hi"), message("assistant", " Hello\nyou "), message("user", "<b> 'ä' & \"q\" 日本 {{ x }}", name="me")],
    [message("system", "a"), message("user", "b"), message("assistant", "c stop")],
    [message("user", "skip this"), message("user", "a banana"), message("tool", "7")],
    [message("assistant", "")],
]

references = []
for path in sorted(HERE.glob("*.jinja")):
    template = environment.from_string(path.read_text())
    for messages in CONVERSATIONS:
        reference = {"template": path.stem, "messages": messages}
        try:
            given = {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "tools": None, "documents": None}
            reference["text"] = template.render(messages=messages, **given)
        except TemplateError as error:
            reference["refusal"] = str(error)
        references.append(json.dumps(reference, ensure_ascii=False))
(HERE / "references.json").write_text("[\n" + ",\n".join(references) + "\n]\n")
