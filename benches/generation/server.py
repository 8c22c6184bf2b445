"""SmolLM2 by `transformers` behind FastAPI and uvicorn: completions that are streamed, in the form of OpenAI's API. As its
documentation has it, each request has a thread that generates, and a streamer.

server.py FOLDER PORT"""

import json
import os
import sys
import threading
from pathlib import Path

import torch
import transformers
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

folder, port = Path(sys.argv[1]), int(sys.argv[2])
file = next(folder.glob("*.gguf")).name
torch.set_num_threads(os.cpu_count())
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.float32).eval()
# The file has one matrix for embedding and logits, which this version of the library does not know.
model.lm_head.weight = model.model.embed_tokens.weight
app = FastAPI()


class Request(BaseModel):
    """A request."""

    prompt: str
    max_tokens: int


def generate(request):
    """Generates greedily. Yields server-sent events."""
    ids = tokenizer(request.prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    options = {"max_new_tokens": request.max_tokens, "do_sample": False, "streamer": streamer}
    done = []
    thread = threading.Thread(target=lambda: done.append(model.generate(ids, **options)))
    thread.start()
    for text in streamer:
        yield f"data: {json.dumps({'choices': [{'index': 0, 'text': text}]})}\n\n"
    thread.join()
    usage = {"completion_tokens": done[0].shape[1] - ids.shape[1]}
    yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"


@app.get("/ready")
def ready():
    """Returns readiness: the model is loaded before the server starts."""
    return {"ready": True}


@app.post("/v1/completions")
def complete(request: Request):
    """Streams a completion."""
    return StreamingResponse(generate(request), media_type="text/event-stream")


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
