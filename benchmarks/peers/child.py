"""One peer as a process that waits for its turn: started, asked for single steps, ended (protocol: README.md)."""
import json
import os
import select
import signal
import subprocess
import tempfile
import time


class Failed(Exception):
    """A peer that cannot go on; the words are for the report."""


class Child:
    def __init__(self, command, env, ranks=1):
        self.errors = tempfile.TemporaryFile()
        self.folder = tempfile.TemporaryDirectory()
        self.pipes = []
        if ranks > 1:  # mpirun hands standard input to one rank: each gets a FIFO, held open so that nobody waits for it
            prefix = os.path.join(self.folder.name, "rank")
            for rank in range(ranks):
                os.mkfifo(f"{prefix}.{rank}")
                self.pipes.append(os.open(f"{prefix}.{rank}", os.O_RDWR))
            command = [*command, "--from", prefix]
        self.rss_mb, self.rest = 0, b""
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL if self.pipes else subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        if not self.pipes:
            self.pipes.append(os.dup(self.process.stdin.fileno()))
            self.process.stdin.close()

    def tell(self, word):
        for pipe in self.pipes:
            try:
                os.write(pipe, word.encode() + b"\n")
            except BrokenPipeError:
                pass  # the answer, which will not come, tells

    def answer(self, timeout):
        """The next line of JSON; other lines are chatter of libraries."""
        until = time.monotonic() + timeout
        while True:
            line, found, rest = self.rest.partition(b"\n")
            if found:
                self.rest = rest
                if not line.startswith(b"{"):
                    continue
                told = json.loads(line)
                if "error" in told:
                    raise Failed(told["error"])
                self.rss_mb = told.get("rss_mb", self.rss_mb)
                return told
            out = self.process.stdout
            if not select.select([out], [], [], max(0, until - time.monotonic()))[0]:
                raise Failed(f"no answer in {timeout} s")
            more = os.read(out.fileno(), 65536)
            if not more:
                raise Failed(self.why())
            self.rest += more

    def why(self):
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
        return f"ended with {how}: {lines[-1] if lines else 'no words'}"

    def step(self, timeout):
        self.tell("step")
        return self.answer(timeout)["ms"]

    def close(self):
        self.tell("quit")
        for pipe in self.pipes:
            os.close(pipe)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
        self.folder.cleanup()
