"""A model of `models.py` without a server: a process for each core, each with a session of one thread, that runs the model on
one request again and again.

alone.py MODEL FOLDER BODY

Reads a number of seconds from each line, and writes calls per second, CPU seconds per call and peak memory in bytes."""

import json
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

import models


def work(name, folder, inputs, pipe):
    """Is one of the processes."""
    run = models.load(name, Path(folder)).call(inputs)
    while True:
        try:
            seconds = pipe.recv()
        except EOFError:
            # The measurement is over.
            return
        begin, used, calls = time.perf_counter(), time.process_time(), 0
        while calls == 0 or time.perf_counter() - begin < seconds:
            run()
            calls += 1
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send((calls, time.perf_counter() - begin, time.process_time() - used, memory))


def main():
    name, folder, body = sys.argv[1:]
    inputs = json.loads(Path(body).read_text())["inputs"]
    # Forked processes would share the threads and locks of this one.
    context = multiprocessing.get_context("spawn")
    pipes = []
    for _ in os.sched_getaffinity(0):
        ours, theirs = context.Pipe()
        context.Process(target=work, args=(name, folder, inputs, theirs), daemon=True).start()
        pipes.append(ours)
    for line in sys.stdin:
        for pipe in pipes:
            pipe.send(float(line))
        done = [pipe.recv() for pipe in pipes]
        calls = sum(one[0] for one in done)
        rate = sum(one[0] / one[1] for one in done)
        print(json.dumps({"rate": rate, "cpu": sum(one[2] for one in done) / calls, "memory": sum(one[3] for one in done)}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
