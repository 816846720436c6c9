"""No rank leaves between two collectives, and every public header says Local or Collective. Heuristics: in a function
with two or more collective calls, PNO_TRY or return of something local may not stand between the first and the last."""
import re

import common

CALLS = r"\bpno_(?:agree|bcast|gather|allgather|gather_var|barrier|reduce_begin|reduce_finish|reduce_create)\s*\("


def leaves(path, text):
    for name, first, _, _, body in common.functions(text):
        at = [m.start() for m in re.finditer(CALLS, body)]
        if len(at) < 2:
            continue
        for m in re.finditer(r"[^;{}]*;", body[at[0]:at[-1]]):
            line = m.group()
            local_try = re.search(r"\bPNO_TRY(?:_GOTO)?\s*\(", line) and not re.search(CALLS + r"|sync_|\bcomm\b", line)
            if local_try or re.search(r"\breturn\s+pno_fail\b", line):
                number = first + body.count("\n", 0, at[0] + m.start() + len(line) - len(line.lstrip()))
                yield f"{path}:{number}: {name} may leave between two collectives; keep the status and agree"


def check(files):
    found = []
    for path, text in files.items():
        if not path.startswith(("engine/", "io/", "launch/")) or path.startswith("engine/sync/") and path.endswith(".c"):
            continue
        if path.endswith(".c"):
            found += leaves(path, text)
        elif path.endswith(".h") and not path.endswith("_impl.h") and re.search(r"^pno_\w+.*\(", text, re.M):
            if not re.search(r"\b(Local|Collective)\b", text):
                found.append(f"{path}: says neither Local nor Collective")
    return found


common.run(check, [
    {"io/a.c": "void f(void) {\n  PNO_TRY(pno_barrier(c));\n  PNO_TRY(read_it(d));\n  PNO_TRY(pno_agree(c, st));\n}\n"},
    {"io/a.c": 'int f(void) {\n  pno_barrier(c);\n  if (!p) return pno_fail(1, "x");\n  return pno_agree(c, st);\n}\n'},
    {"io/a.h": "pno_status pno_thing_do(void);\n"},
], {"io/a.c": "void f(void) {\n  PNO_TRY(pno_barrier(c));\n  st = read_it(d);\n  PNO_TRY(pno_agree(c, st));\n}\n",
    "io/a.h": "/* Local. */\npno_status pno_thing_do(void);\n"})
