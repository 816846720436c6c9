"""What the figures were measured on: processor, memory, versions, and the burst of FMAs that shows how quiet it was."""
import json
import os
import platform
import re
import subprocess
import time


def cpuinfo(key):
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = re.search(rf"^{key}\s*:\s*(.*)$", f.read(), re.M)
    return found[1] if found else ""


def openblas_core():
    """OpenBLAS takes processors that it does not know for the slowest kind: name the kernels by what the processor can."""
    flags = cpuinfo("flags").split()
    return "Cooperlake" if "avx512_bf16" in flags else "SkylakeX" if "avx512f" in flags else "Haswell"


def free_gb():
    with open("/proc/meminfo", encoding="utf-8") as f:
        return int(re.search(r"MemAvailable:\s*(\d+)", f.read())[1]) * 1024e-9


def cpus(count):
    """The last ones that this process may use: interrupts like the first."""
    return sorted(os.sched_getaffinity(0))[-count:]


def burst(build, on):
    """GFLOP/s of independent FMAs, all named cores at once."""
    program = os.path.join(build, "benchmarks", "peers", "pno_step")
    running = [subprocess.Popen(["taskset", "-c", str(cpu), program, "--burst"], stdout=subprocess.PIPE) for cpu in on]
    return round(sum(json.loads(p.communicate()[0])["gflops"] for p in running), 1)


def describe(root):
    git = ["git", "-c", "safe.directory=*", "-C", root, "describe", "--always", "--dirty", "--exclude=*"]
    revision = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    with open("/proc/meminfo", encoding="utf-8") as f:
        memory = int(re.search(r"MemTotal:\s*(\d+)", f.read())[1]) >> 20
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "revision": revision,
            "processor": f"{cpuinfo('model name')} (family {cpuinfo('cpu family')}, model {cpuinfo('model')})",
            "cores": os.cpu_count(), "memory_gb": memory, "kernel": platform.release(), "python": platform.python_version()}
