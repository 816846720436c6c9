"""What the Python peers share: sizes on the command line, and the protocol of run.py (README.md)."""
import argparse
import json
import math
import resource
import sys
import time

import numpy as np


def arguments(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", required=True, type=lambda text: [int(v) for v in text.split(",")])
    for name in ("modes", "width", "batch"):
        parser.add_argument("--" + name, required=True, type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", choices=("train", "infer"), default="train")
    parser.add_argument("--tuned", action="store_true", help="all that the framework's users are told to set")
    parser.add_argument("--weights", help="one step from these parameters, for check.py")
    parser.add_argument("--result", help="where that step is written")
    return parser.parse_args(argv)


def fields(args):
    """The fields that every peer trains on: x and y, (batch, n..)."""
    at = np.arange(args.batch * math.prod(args.n))
    x = np.sin(np.float32(0.001) * (at % 9973).astype(np.float32), dtype=np.float32)
    y = np.cos(np.float32(0.002) * (at % 7919).astype(np.float32), dtype=np.float32)
    return x.reshape(args.batch, *args.n), y.reshape(args.batch, *args.n)


def serve(what, step):
    """Answers each line `step` with one timed call of step, which returns the loss and has nothing left to compute."""
    print(json.dumps({"ready": what}), flush=True)
    for line in sys.stdin:
        if line.strip() != "step":
            break
        start = time.perf_counter()
        loss = step()
        ms = 1e3 * (time.perf_counter() - start)
        if math.isfinite(loss):
            answer = {"ms": round(ms, 4), "loss": loss, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
        else:
            answer = {"error": "the loss is not finite"}
        print(json.dumps(answer), flush=True)
