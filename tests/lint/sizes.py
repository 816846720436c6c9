"""Files of at most 400 lines, functions of 100, READMEs of 60, and a README in every source folder."""
import os

import common


def check(files):
    found, folders = [], set()
    for path, text in files.items():
        n = text.count("\n")
        if path.endswith((".c", ".h", ".py", ".sh", ".build")) and n > 400:
            found.append(f"{path}: {n} lines, 400 allowed")
        if os.path.basename(path) == "README.md" and n > 60:
            found.append(f"{path}: {n} lines, 60 allowed")
        if path.endswith(".c"):
            for name, first, last, _, _ in common.functions(text):
                if last - first + 1 > 100:
                    found.append(f"{path}:{first}: {name} has {last - first + 1} lines, 100 allowed")
        if path.endswith((".c", ".h", ".py")):
            folders.add(os.path.dirname(path))
    return found + [f"{f}: no README.md" for f in sorted(folders) if f and f"{f}/README.md" not in files]


LONG = "void f(void) {\n" + "  g();\n" * 100 + "}\n"
README = {"io/README.md": "# io\n"}
common.run(check, [
    {"io/a.c": "\n" * 401, **README}, {"io/a.c": LONG, **README}, {"io/README.md": "x\n" * 61}, {"io/a.c": "\n"},
], {"io/a.c": "void f(void) {\n  g();\n}\n", **README})
