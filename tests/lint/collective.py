"""No rank leaves between two collectives, and every public header says Local or Collective. Heuristics: in a function
with two or more collective calls (transitively), PNO_TRY or return of something local may not stand between the first and the last."""
import re

import common

BASIC = {"pno_" + name for name in ("agree", "bcast", "gather", "allgather", "gather_var", "barrier", "reduce_begin",
                                     "reduce_finish", "reduce_create")}


def calls(names):
    return r"\b(?:" + "|".join(sorted(names)) + r")\s*\("


def collective_functions(files):
    """{path: names} of what agrees at the end or in between: the basic ones, and what calls one of them, however far
    down. Names without the prefix are known in their own file only."""
    bodies = {path: list(common.functions(text)) for path, text in files.items()
              if path.endswith(".c") and not path.startswith("tests/")}
    own, everywhere, size = {path: set() for path in bodies}, set(BASIC), -1
    while size != len(everywhere) + sum(map(len, own.values())):
        size = len(everywhere) + sum(map(len, own.values()))
        for path, functions in bodies.items():
            pattern = re.compile(calls(everywhere | own[path]))
            for name, _, _, _, body in functions:
                if pattern.search(body):
                    (everywhere if name.startswith("pno_") else own[path]).add(name)
    return {path: everywhere | names for path, names in own.items()}


def leaves(path, text, known):
    for name, first, _, _, body in common.functions(text):
        at = [m.start() for m in re.finditer(calls(known), body)]
        if len(at) < 2:
            continue
        for m in re.finditer(r"[^;{}]*;", body[at[0]:at[-1]]):
            line = m.group()
            local_try = re.search(r"\bPNO_TRY(?:_GOTO)?\s*\(", line) and not re.search(calls(known) + r"|sync_|\bcomm\b", line)
            if local_try or re.search(r"\breturn\s+pno_fail\b", line):
                number = first + body.count("\n", 0, at[0] + m.start() + len(line) - len(line.lstrip()))
                yield f"{path}:{number}: {name} may leave between two collectives; keep the status and agree"


def check(files):
    found, known = [], collective_functions(files)
    for path, text in files.items():
        if not path.startswith(("engine/", "io/", "launch/")) or path.startswith("engine/sync/") and path.endswith(".c"):
            continue
        if path.endswith(".c"):
            found += leaves(path, text, known[path])
        elif path.endswith(".h") and not path.endswith("_impl.h") and re.search(r"^pno_\w+.*\(", text, re.M):
            if not re.search(r"\b(Local|Collective)\b", text):
                found.append(f"{path}: says neither Local nor Collective")
    return found


common.run(check, [
    {"io/a.c": "void f(void) {\n  PNO_TRY(pno_barrier(c));\n  PNO_TRY(read_it(d));\n  PNO_TRY(pno_agree(c, st));\n}\n"},
    {"io/a.c": 'int f(void) {\n  pno_barrier(c);\n  if (!p) return pno_fail(1, "x");\n  return pno_agree(c, st);\n}\n'},
    {"io/a.c": "void g(void) {\n  pno_barrier(c);\n}\nvoid f(void) {\n  g();\n  PNO_TRY(read_it(d));\n  g();\n}\n"},
    {"io/a.h": "pno_status pno_thing_do(void);\n"},
], {"io/b.c": "void g(void) {\n  pno_barrier(c);\n}\nvoid f(void) {\n  g();\n  PNO_TRY(g());\n  g();\n}\n",
    "io/a.c": "void f(void) {\n  PNO_TRY(pno_barrier(c));\n  st = read_it(d);\n  PNO_TRY(pno_agree(c, st));\n}\n",
    "io/a.h": "/* Local. */\npno_status pno_thing_do(void);\n"})
