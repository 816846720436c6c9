"""Arrows point down only: includes and Meson dependencies obey the table of the design; HDF5 and MPI have one place."""
import re

import common

BASE = "engine/base"
MAY = {
    BASE: set(), "kernels": {BASE}, "engine/sync": {BASE}, "engine/balance": {BASE, "engine/sync"},
    "io": {BASE, "engine/sync"}, "engine/model": {BASE, "kernels"}, "engine/optim": {BASE, "kernels"},
    "engine/pde": {BASE}, "engine/score": {BASE, "kernels", "engine/model"}, "engine/analytics": {BASE, "io"},
}
MAY["engine/train"] = set(MAY) - {"engine/analytics"}
MAY["launch"] = set(MAY) | {"benchmarks"}
MAY["benchmarks"] = set(MAY) - {"launch"}


# Where MPI_* may stand beside engine/sync: programs, as MPI_Init has to be somewhere, and the benchmark whose subject is
# MPI itself.
MPI_TOO = ("launch/main.c", "benchmarks/peers/pno_step.c", "benchmarks/collectives.c")


def module_of(path):
    return next((m for m in MAY if path.startswith(m + "/")), None)


def check_c(path, text, module):
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if not found:
            continue
        target = module_of(found[2])
        if target and target != module and target not in MAY[module]:
            yield f"{path}:{number}: {module} may not use {target}"
        if re.match(r"hdf5|H5", found[2]) and module != "io":
            yield f"{path}:{number}: HDF5 belongs to io"
    if module != "engine/sync" and path not in MPI_TOO and re.search(r"\bMPI_\w+|<mpi\.h>", common.code_of(text)):
        yield f"{path}: MPI belongs to engine/sync and {' and '.join(MPI_TOO)}"


def check_meson(path, text, module):
    for name in set(re.findall(r"\b(\w+)_dep\b", re.sub(r"#.*", "", text))):
        target = next((m for m in MAY if m.split("/")[-1] == name), None)
        if target and target != module and target not in MAY[module]:
            yield f"{path}: {module} may not depend on {target}"


def check(files):
    found = []
    for path, text in files.items():
        module = module_of(path)
        if module and common.is_c(path):
            found += check_c(path, text, module)
        elif module and path.endswith("meson.build"):
            found += check_meson(path, text, module)
    return found


common.run(check, [
    {"kernels/a.c": '#include "engine/sync/comm.h"\n'}, {"engine/optim/a.c": '#include "io/h5.h"\n'},
    {"engine/train/a.c": "#include <hdf5.h>\n"}, {"io/a.c": "void f(void) { MPI_Finalize(); }\n"},
    {"benchmarks/lib/a.c": "void f(void) { MPI_Barrier(c); }\n"},
    {"engine/model/meson.build": "x = static_library('x', dependencies: [io_dep])\n"},
], {"io/a.c": '#include <hdf5.h>\n#include "engine/sync/comm.h"\n/* not MPI_Bcast */\n',
    "launch/main.c": "#include <mpi.h>\nint main(void) { MPI_Finalize(); }\n",
    "benchmarks/collectives.c": "void f(void) { MPI_Barrier(c); }\n",
    "io/meson.build": "x = static_library('x', dependencies: [sync_dep])\n"})
