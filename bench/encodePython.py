"""onnxruntime's own Python binding on the batches that bench/encode.ts recorded: the peer of its speed figures.

  encodePython.py MODEL BATCHES.json THREADS FIRST_OUTPUT.f32

BATCHES.json: {"inputIds": name, "attentionMask": name, "tokenVectors": name, "file": path, "batches": [[batch, tokens], ...]};
the file holds, batch by batch, ids i64[batch][tokens] and mask i64[batch][tokens], little-endian.
Prints one JSON line with versions when ready, then for each line read runs all batches and prints their seconds.
"""
import json
import platform
import sys
import time

import numpy as np
import onnxruntime as ort

model, batches_path, threads, first_output = sys.argv[1:]
recorded = json.load(open(batches_path))
values = np.fromfile(recorded["file"], dtype="<i8")
feeds, at = [], 0
for batch, tokens in recorded["batches"]:
    size = batch * tokens
    ids = values[at : at + size].reshape(batch, tokens)
    mask = values[at + size : at + 2 * size].reshape(batch, tokens)
    feeds.append({recorded["inputIds"]: ids, recorded["attentionMask"]: mask})
    at += 2 * size
assert at == len(values), (at, len(values))

options = ort.SessionOptions()
options.intra_op_num_threads = int(threads)
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
options.log_severity_level = 3
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
outputs = [recorded["tokenVectors"]]
session.run(outputs, feeds[0])[0].astype("<f4").tofile(first_output)
print(json.dumps({"python": platform.python_version(), "onnxruntime": ort.__version__, "numpy": np.__version__}), flush=True)

for _ in sys.stdin:
    seconds = []
    for feed in feeds:
        started = time.perf_counter()
        session.run(outputs, feed)
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds), flush=True)
