"""Functions nobody calls, printing and leaving below launch/, arrays of variable length, unfinished words."""
import re

import common

NEVER = r"\b(strdup|strndup|asprintf|vasprintf|sprintf|vsprintf|strcpy|strcat|alloca|system|popen|atoi|strtok|gets)\s*\("
BELOW_LAUNCH = r"\b(printf|vprintf|puts|putchar|perror|exit|_exit|abort)\s*\(|\bfprintf\s*\(\s*(stdout|stderr)\b"
CONSTANT = r"[A-Z][A-Z0-9_]*"  # enumerators are upper case
TYPE = r"(?:char|int|float|double|size_t|ptrdiff_t|bool|u?int\d+_t|pno_\w+)"


def check(files):
    found = []
    for path, text in files.items():
        if not common.is_c(path):
            continue
        if re.search(r"//\s*(TODO|FIXME|XXX)|/\*\s*(TODO|FIXME|XXX)", text):
            found.append(f"{path}: an unfinished note (TODO)")
        for number, line in enumerate(common.code_of(text).splitlines(), 1):
            for m in re.finditer(NEVER, line):
                found.append(f"{path}:{number}: {m[1]} is banned")
            if path.startswith(("engine/", "io/", "kernels/")) and re.search(BELOW_LAUNCH, line):
                found.append(f"{path}:{number}: prints or leaves below launch/")
            m = re.match(rf"\s+(?:const\s+)?{TYPE}\s+\w+\[([^\]]*[a-z_][^\]]*)\](?:\s*[;=]|\[)", line)
            size = re.sub(r"sizeof\b.*|" + rf"\b{CONSTANT}\b", "", m[1]) if m else ""
            if re.search(r"[a-z]", size):
                found.append(f"{path}:{number}: an array of variable length [{m[1]}]")
    return found


common.run(check, [
    {"io/a.c": "void f(void) {\n  x = strdup(y);\n}\n"}, {"io/a.c": "void f(void) {\n  exit(1);\n}\n"},
    {"kernels/a.c": "void f(void) {\n  fprintf(stderr, x);\n}\n"}, {"launch/a.c": "void f(int n) {\n  float x[n];\n}\n"},
    {"tests/a.c": "// TODO later\n"}, {"io/a.c": "void f(void) {\n  n = atoi(x);\n}\n"},
], {"launch/a.c": 'void f(void) {\n  float x[N_MAX + 1];\n  printf("%s", x);\n  exit(1);\n}\n',
    "io/a.c": "/* not strdup(x) */\nvoid f(FILE *out) {\n  fprintf(out, x);\n}\n"})
