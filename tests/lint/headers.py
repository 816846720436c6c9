"""Every header compiles alone."""
import os
import re
import subprocess
import tempfile

import common

FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-x", "c"]


def flags_of(*packages):
    flags = []
    for name in packages:
        out = subprocess.run(["pkg-config", "--cflags", name], capture_output=True, text=True, check=False).stdout
        flags += [re.sub("^-I", "-isystem", f) for f in out.split()]
    return flags


# The headers of these folders are compiled for one instruction set at a time, with its name (kernels/meson.build).
SETS = {"kernels/simd": ["-DPNO_SIMD=avx2", "-mavx2", "-mfma"]}


def check(files):
    found = []
    libraries = flags_of("mpi", "hdf5-serial", "criterion")
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            if not path.endswith(".h"):
                continue
            copy = os.path.join(folder, "header.c")  # a .c file: `once` and unused things are as for a source
            with open(copy, "w", encoding="utf-8") as f:
                f.write(text)
            where = ["-I", common.ROOT, "-iquote", os.path.join(common.ROOT, os.path.dirname(path))]
            done = subprocess.run(["gcc", *FLAGS, *SETS.get(os.path.dirname(path), []), *where, *libraries, copy], capture_output=True, text=True, check=False)
            if done.returncode:
                found.append(f"{path} does not compile alone: {done.stderr.strip().splitlines()[0]}")
    return found


common.run(check, [{"io/a.h": "size_t pno_a(void);\n"}], {"io/a.h": "#include <stddef.h>\nsize_t pno_a(void);\n"})
