"""The top level holds exactly what the design names, and dot files."""
import common

NAMES = {"engine", "kernels", "io", "launch", "tests", "benchmarks", "examples", "meson.build", "meson_options.txt",
         "README.md", "LICENSE"}


def check(files):
    there = {path.split("/")[0] for path in files if not path.startswith(".")}
    return [f"{n}: not a name of the top level" for n in sorted(there - NAMES)] + \
           [f"{n}: missing at the top level" for n in sorted(NAMES - there)]


ALL = {name: "" for name in NAMES}
common.run(check, [{**ALL, "notes.txt": ""}, {n: "" for n in NAMES - {"LICENSE"}}, {**ALL, "src/a.c": ""}],
           {**ALL, ".gitignore": "", "io/a.c": ""})
