"""What the lint scripts share: the tracked files, C without comments and strings, the self-test and the exit code."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = ("engine/", "io/", "kernels/", "launch/", "benchmarks/")


def tracked():
    """{path: text} of every tracked file that is there and is text."""
    git = ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z"]
    names = subprocess.run(git, check=True, capture_output=True).stdout.decode().split("\0")
    files = {}
    for name in filter(None, names):
        path = os.path.join(ROOT, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                files[name] = f.read().decode("utf-8", "replace")
    return files


def is_c(path):
    return path.endswith((".c", ".h", ".def"))


def code_of(text):
    """C with comments and strings blanked; lines stay where they are."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def functions(text):
    """(name, first line, last line, head, body) of each function; a body ends at the first } in column 1."""
    code = code_of(text)
    for m in re.finditer(r"^(?!static const|typedef|enum|struct|#)(\w[^;{}=#]*?\b(\w+)\s*\([^;{}]*\))\s*\{[^\n]*", code, re.M):
        if m.group().rstrip().endswith("}"):
            end = m.end()
        else:
            close = re.compile(r"^\}", re.M).search(code, m.end())
            end = close.end() if close else len(code)
        first = code.count("\n", 0, m.start()) + 1
        yield m.group(2), first, first + code.count("\n", m.start(), end), m.group(1), code[m.start():end]


def run(check, bad, good):
    """check: {path: text} -> [complaint]. bad: [{path: text}], each of which must be complained about; good: one."""
    if sys.argv[1:] == ["--self-test"]:
        wrong = [f"not complained about: {sample}" for sample in bad if not check(sample)]
        wrong += [f"wrongly complained: {c}" for c in check(good)]
    else:
        wrong = check(tracked())
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
