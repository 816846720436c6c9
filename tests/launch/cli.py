"""The program as its users meet it: cli.py PNO GROUP runs one group of cases, each in a folder of its own.

An error is one message: exactly one line "pno: error: ..." that names what and where, a line with what to do if it was
a matter of usage, and the exit code of its class; the same under mpirun."""
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy

PNO = ""
MPIRUN = ["mpirun", "-n", "2"]
COMMANDS = ["gen", "train", "eval", "predict", "bench", "check", "compare", "ctl", "info", "config", "help"]
WITHOUT_MPI = [["help"], ["--help"], ["--version"], ["info"], ["config", "explain"], ["config", "dump"]]
SMALL = ["model.width=4", "model.modes=4,4", "model.layers=1", "data.batch=4", "train.schedule=none", "data.valid_samples=2"]

# mpirun waits this long twice when a rank leaves with a code (measured: 121 s with 60); no case here needs the time.
os.environ.update({"OMPI_MCA_odls_base_sigkill_timeout": "0", "LC_ALL": "C"})
CACHE = tempfile.TemporaryDirectory(prefix="pno-cli-cache-")  # the user's own is left alone
os.environ["XDG_CACHE_HOME"] = CACHE.name
for name in ("PNO_OPTS", "PNO_SITE_CONFIG"):
    os.environ.pop(name, None)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pno-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_pno(self, *words, mpi=False, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        command = (MPIRUN if mpi else []) + [PNO, *words]
        return subprocess.run(command, cwd=self.folder, env={**os.environ, **(env or {})}, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=60, **options)

    def good(self, *words, **options):
        done = self.run_pno(*words, **options)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def bad(self, code, parts, *words, **options):
        """Exit code, one message, its parts, a line with what to do."""
        done = self.run_pno(*words, **options)
        where = f"{words}\n{done.stdout}\n{done.stderr}"
        self.assertEqual(done.returncode, code, where)
        lines = done.stderr.splitlines()
        first = [i for i, line in enumerate(lines) if line.startswith("pno: error:")]
        self.assertEqual(len(first), 1, where)
        message = "\n".join(lines[first[0]:first[0] + 2])
        self.assertTrue(lines[first[0] + 1].endswith(f"[exit {code}]"), where)
        for part in parts:
            self.assertIn(part, message)
        hint = lines[first[0] + 1].replace(f"[exit {code}]", "").strip()
        self.assertTrue(hint or code != 2, "nothing is said about what to do: " + message)
        return done

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def generate(self, name="a.h5", grid="9,9", samples=8):
        self.good("gen", f"data.path={name}", f"pde.samples={samples}", f"pde.grid={grid}")

    def train(self, run="r", *words, **options):
        return self.good("train", "--run", run, "data.path=a.h5", *SMALL, "train.epochs=2", "checkpoint.every=2", *words,
                         **options)


class Help(Case):
    def test_every_command_has_one_text_of_help_under_both_names(self):
        program = self.good("help").stdout
        self.assertEqual(program, self.good("--help").stdout)
        for command in COMMANDS:
            text = self.good("help", command).stdout
            self.assertEqual(text, self.good(command, "--help").stdout)
            self.assertEqual(text, self.good(command, "-h").stdout)
            self.assertIn(f"pno {command} ", text)
            self.assertRegex(program, rf"(?m)^  {command} ")
        listed = re.findall(r"(?m)^  ([a-z]+) ", program)
        self.assertEqual(sorted(listed), sorted(COMMANDS))

    def test_help_and_commands_on_files_do_not_start_mpi(self):
        broken = {"OMPI_MCA_pml": "nonexistent"}
        self.generate()
        self.train()
        started = self.run_pno("train", "--run", "q", "data.path=a.h5", env=broken)
        self.assertRegex(started.stderr, "MPI|ORTE", "the broken MPI of this test is not broken")
        self.assertNotEqual(started.returncode, 0)
        for words in WITHOUT_MPI + [[c, "--help"] for c in COMMANDS] + [
                ["check", "a.h5"], ["check", "r"], ["info", "a.h5"], ["ctl", "r", "status"], ["ctl", "r", "checkpoint"]]:
            self.good(*words, env=broken)

    def test_under_mpirun_a_command_without_mpi_speaks_once(self):
        alone = self.good("config", "explain", "run.seed").stdout
        self.assertEqual(self.good("config", "explain", "run.seed", mpi=True).stdout.replace("\r", ""), alone)
        self.bad(2, ["zzz"], "config", "explain", "zzz", mpi=True)

    def test_a_full_output_is_an_error_and_no_crash(self):
        for words in WITHOUT_MPI:
            with open("/dev/full", "w") as full:
                done = self.run_pno(*words, stdout=full)
            self.assertEqual(done.returncode, 4, words)
            self.assertEqual(done.stderr.count("pno: error:"), 1)

    def test_a_full_output_does_not_end_a_training(self):
        self.generate()
        with open("/dev/full", "w") as full:
            self.train("r", stdout=full)
        self.good("check", "r")


class Config(Case):
    def dump(self, *words, **options):
        """{key: (value, origin)} of config dump."""
        keys, section = {}, ""
        for line in self.good("config", "dump", *words, **options).stdout.splitlines():
            if not line.startswith(" "):
                section = line.rstrip(":")
                continue
            key, value, origin = re.fullmatch(r"  (\w+): (.*)  # (.*)", line).groups()
            keys[f"{section}.{key}"] = (value, origin)
        return keys

    def test_a_dump_loads_again(self):
        self.write("a.yaml", "model: {width: 8, modes: [4, 5]}\nrun: {name: \"it's\"}\n")
        first = self.dump("a.yaml", "train.lr=0.5")
        self.assertEqual(first["model.width"], ("8", "a.yaml:1"))
        self.assertEqual(first["train.lr"], ("0.5", "cli"))
        self.assertEqual(first["model.layers"], ("4", "default"))
        self.write("b.yaml", self.good("config", "dump", "a.yaml", "train.lr=0.5").stdout)
        second = self.dump("b.yaml")
        self.assertEqual({k: v for k, (v, _) in first.items()}, {k: v for k, (v, _) in second.items()})

    def test_later_places_win_default_site_file_environment_command_line(self):
        self.write("site.yaml", "model: {layers: 1, width: 1, lift: 1, project: 1}\n")
        self.write("other.yaml", "model: {layers: 9}\n")
        self.write("a.yaml", "model: {width: 2, lift: 2, project: 2}\n")
        env = {"PNO_SITE_CONFIG": "site.yaml", "PNO_OPTS": " model.lift=3\tmodel.project=3 "}
        keys = self.dump("a.yaml", "model.project=4", env=env)
        self.assertEqual(keys["model.layers"], ("1", "site.yaml:1"))
        self.assertEqual(keys["model.width"], ("2", "a.yaml:1"))
        self.assertEqual(keys["model.lift"], ("3", "$PNO_OPTS"))
        self.assertEqual(keys["model.project"], ("4", "cli"))
        self.assertEqual(keys["train.lr"][1], "default")
        self.assertEqual(self.dump("--site", "other.yaml", env=env)["model.layers"], ("9", "other.yaml:1"))
        self.assertEqual(self.dump("a.yaml", "model.width=5", "model.width=6")["model.width"], ("6", "cli"))

    def test_nothing_is_read_that_was_not_named(self):
        self.write("pno.yaml", "model: {layers: 9}\n")
        self.write("config.yaml", "model: {layers: 9}\n")
        self.assertEqual(self.dump(env={"HOME": str(self.folder)})["model.layers"], ("4", "default"))

    def test_a_key_is_explained_and_a_configuration_validated(self):
        text = self.good("config", "explain", "model.width").stdout
        for part in ("model.width", "hidden channels", "1..4096", "default 32", "fixed when a run is resumed"):
            self.assertIn(part, text)
        self.write("a.yaml", "model: {width: 8}\n")
        self.assertIn("a.yaml: ok", self.good("config", "validate", "a.yaml").stdout)
        self.bad(2, ["model.widht", "model.width"], "config", "explain", "model.widht")
        self.bad(2, ["needs one CONFIG"], "config", "validate")
        self.bad(2, ["'dmup' is unknown", "dump"], "config", "dmup")

    def test_a_mistake_in_a_configuration_has_its_place_and_a_way_out(self):
        for text, parts in (("model:\n  widht: 8\n", ["a.yaml:2:3", "model.widht", "did you mean model.width"]),
                            ("modl: {}\n", ["a.yaml:1:1", "modl", "did you mean model"]),
                            ("model: {width: 12abc}\n", ["a.yaml:1:16", "12abc", "1..4096"]),
                            ("model: {width: 0}\n", ["a.yaml:1:16", "'0'", "1..4096"]),
                            ("train: {loss: h2}\n", ["a.yaml:1:15", "h2", "l2|rel_l2|h1"]),
                            ("model: &m {width: 1}\n", ["a.yaml:1:8", "anchor"])):
            self.write("a.yaml", text)
            self.bad(2, parts, "config", "validate", "a.yaml")
            self.bad(2, parts, "check", "a.yaml")
        self.bad(2, parts, "train", "a.yaml", mpi=True)
        self.bad(4, ["none.yaml", "No such file"], "config", "validate", "none.yaml")
        self.bad(2, ["$PNO_OPTS", "model.widht"], "config", "dump", env={"PNO_OPTS": "model.widht=3"})


class Usage(Case):
    def test_words_that_the_program_does_not_know(self):
        self.bad(2, ["no command", "pno help"])
        self.bad(2, ["trian", "did you mean train"], "trian")
        self.bad(2, ["t" * 60, "pno help"], "t" * 1000)
        self.bad(2, ["--rnu", "did you mean --run"], "train", "--rnu", "x")
        self.bad(2, ["-z", "pno help"], "train", "-z")
        self.bad(2, ["--run", "DIR"], "train", "--run")
        self.bad(2, ["--strict-resume"], "train", "--strict-resume=yes")
        self.bad(2, ["nothing", "pno help"], "help", "nothing")
        self.bad(2, ["ctl", "RUN"], "ctl", "r")
        self.bad(2, ["check", "PATH"], "check")
        self.bad(2, ["compare", "A B"], "compare", "a.json")
        self.bad(2, ["train, infer or all"], "bench")
        self.bad(2, ["train, infer or all"], "bench", "quickly", mpi=True)
        self.bad(2, ["jump", "stop, checkpoint or status"], "ctl", "r", "jump")
        for command in ("eval", "predict"):
            self.bad(2, [command, "RUN"], command)

    def test_under_mpirun_there_is_still_one_message(self):
        self.bad(2, ["trian", "did you mean train"], "trian", mpi=True)
        self.bad(2, ["--rnu", "did you mean --run"], "train", "--rnu", "x", mpi=True)
        self.bad(2, ["model.widht", "model.width"], "train", "model.widht=3", mpi=True)
        self.bad(2, ["model.width", "'0'", "1..4096"], "train", "model.width=0", mpi=True)
        self.bad(2, ["data.path", "data.path=FILE"], "train", mpi=True)

    def test_options_with_values_that_mean_nothing(self):
        self.bad(2, ["--max-time", "soon"], "train", "--max-time", "soon", "data.path=a.h5")
        self.bad(2, ["--resume", "x"], "train", "--resume=x", "data.path=a.h5")
        self.bad(2, ["nowhere", "no run"], "train", "--resume", "--run", "nowhere", "data.path=a.h5")
        self.bad(2, ["data.micro", "8", "4"], "train", "--run", "r", "data.path=a.h5", "data.micro=8", "data.batch=4")
        self.bad(2, ["--only", "c9"], "bench", "train", "--only", "a1,c9")
        self.bad(2, ["--tol", "'5'", "5%"], "compare", "a.json", "b.json", "--tol", "5")
        self.bad(2, ["parallel.device", "'gpu'", "cpu/avx2"], "train", "--device", "gpu", "data.path=a.h5", mpi=True)
        self.bad(2, ["--device", "NAME"], "train", "--device")
        self.assertEqual(list(self.folder.iterdir()), [], "a refused command left something")


class Files(Case):
    def test_files_that_are_not_there(self):
        self.bad(4, ["none.h5"], "train", "--run", "r", "data.path=none.h5", mpi=True)
        self.bad(4, ["none.yaml"], "train", "none.yaml", mpi=True)
        self.bad(4, ["none"], "check", "none")
        self.bad(4, ["none.h5"], "info", "none.h5")
        for words in (["eval", "none"], ["predict", "none"], ["ctl", "none", "stop"], ["ctl", "none", "status"]):
            self.bad(2, ["none", " run of pno"], *words)

    def test_files_that_are_something_else(self):
        self.write("text.h5", "not HDF5 at all\n" * 100)
        self.bad(3, ["text.h5"], "train", "--run", "r", "data.path=text.h5", mpi=True)
        self.bad(3, ["text.h5"], "check", "text.h5")
        self.bad(3, ["text.h5"], "info", "text.h5")
        self.assertFalse((self.folder / "r").exists(), "a refused training left a run")

    def test_a_damaged_data_set_is_found(self):
        self.generate()
        self.good("check", "a.h5")
        with h5py.File(self.folder / "a.h5", "r+") as file:
            fields = []
            file.visititems(lambda _, item: fields.append(item) if getattr(item, "size", 0) and item.ndim == 4 else None)
            fields[0][1, 0, 2, 3] += 1
        self.bad(3, ["a.h5"], "check", "a.h5")

    def test_shapes_that_do_not_fit(self):
        self.generate()
        self.bad(2, ["2-D", "3", "model.modes"], "train", "--run", "r", "data.path=a.h5", "model.modes=4,4,4", mpi=True)
        self.bad(2, ["model.padding"], "train", "--run", "r", "data.path=a.h5", "model.padding=0.1,0.1,0.1")
        self.bad(3, ["6 on axis 0", "model.modes"], "train", "--run", "r", "data.path=a.h5", "model.flavour=li", "model.modes=6,6")
        self.assertFalse((self.folder / "r").exists())

    def test_an_operator_meets_data_of_other_channels(self):
        self.generate()
        self.train()
        with h5py.File(self.folder / "two.h5", "w") as file:
            file["x"] = numpy.zeros((3, 2, 9, 9), "f4")
            file["y"] = numpy.ones((3, 1, 9, 9), "f4")
        for command in ("eval", "predict"):
            self.bad(3, ["two.h5", "channels"], command, "r", "data.test=two.h5", "data.channels=first", mpi=True)

    def test_gen_writes_over_nothing_and_knows_its_equations(self):
        self.write("a.h5", "mine")
        self.bad(2, ["a.h5", "exists already", "data.path"], "gen", "data.path=a.h5", mpi=True)
        self.assertEqual((self.folder / "a.h5").read_text(), "mine")
        self.bad(2, ["navier", "darcy"], "gen", "data.path=b.h5", "pde.kind=navier", mpi=True)
        self.bad(2, ["data.path"], "gen")
        self.bad(2, ["Li", "li, pdebench"], "gen", "data.path=b.h5", "pde.recipe=Li", mpi=True)
        self.bad(2, ["pde.parameters", "gamma", "beta, alpha, tau"], "gen", "data.path=b.h5", "pde.parameters=gamma=1")
        self.bad(2, ["beta=uniform:2", "uniform:LO:HI"], "gen", "data.path=b.h5", "pde.parameters=beta=uniform:2")
        self.bad(2, ["burgers", "pde.grid"], "gen", "data.path=b.h5", "pde.kind=burgers", "pde.grid=16,16")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.h5"])


class Runs(Case):
    def test_a_folder_of_somebody_else_and_a_run_are_left_alone(self):
        self.generate()
        (self.folder / "mine").mkdir()
        self.write("mine/thesis.tex", "years of work")
        self.bad(2, ["mine", "--run"], "train", "--run", "mine", "data.path=a.h5", mpi=True)
        self.assertEqual([p.name for p in (self.folder / "mine").iterdir()], ["thesis.tex"])
        self.train()
        before = (self.folder / "r/metrics.jsonl").read_bytes()
        self.bad(2, ["r already holds run", "--resume"], "train", "--run", "r", "data.path=a.h5", mpi=True)
        self.bad(2, ["model.width", "--run"], "train", "--run", "r", "--resume", "model.width=5", mpi=True)
        self.bad(2, ["--step", "x"], "eval", "r", "--step", "x")
        self.bad(3, ["77"], "eval", "r", "--step", "77", mpi=True)
        self.assertEqual((self.folder / "r/metrics.jsonl").read_bytes(), before)

    def test_the_device_is_chosen_at_the_start_and_recorded(self):
        self.generate()
        there = re.search(r"(?m)^devices +(.*) \(", self.good("info").stdout)[1].split(", ")
        self.assertEqual(there[-1], "cpu/scalar")
        for device in ("cpu/avx512", "cpu/avx2", "cpu/scalar"):
            if device not in there:
                self.bad(2, [device, there[0]], "train", "--run", "r", "data.path=a.h5", "--device", device, mpi=True)
                continue
            run = device.replace("/", "-")
            self.assertIn(f"device {device}\n", self.train(run, "--device", device, mpi=True).stdout.replace("\r", ""))
            self.assertEqual(json.loads((self.folder / run / "env.json").read_text())["facts"]["device"], device)
            self.assertRegex((self.folder / run / "config.yaml").read_text(), f"device: .*{device}.*# cli")
            self.good("eval", run, "--device=cpu")
        self.assertIn(f"device {there[0]}\n", self.train("auto").stdout)

    def test_files_are_private_unless_the_umask_says_otherwise(self):
        self.generate()
        for word, file_mode, folder_mode in (("077", 0o600, 0o700), ("027", 0o640, 0o750)):
            run = self.folder / ("r" + word)
            self.train(run.name, f"security.umask={word}")
            self.good("eval", run.name, f"security.umask={word}")
            for path in [run, *run.rglob("*")]:
                wanted = folder_mode if path.is_dir() else file_mode
                if path.name not in (".lock", "control"):
                    self.assertEqual(oct(path.stat().st_mode & 0o777), oct(wanted), path)
        self.bad(2, ["security.umask", "octal"], "config", "dump", "security.umask=700")

    def test_a_read_only_folder(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        self.generate()
        (self.folder / "fixed").mkdir(mode=0o500)
        self.bad(4, ["fixed"], "train", "--run", "fixed/r", "data.path=a.h5")

    def test_a_full_disk_is_said_and_the_older_checkpoint_is_whole(self):
        self.generate()
        self.train("r", "checkpoint.keep=9")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        # No shared memory of MPI: its files would meet the limit too.
        env = {"OMPI_MCA_btl": "self", "PMIX_MCA_gds": "hash"}
        self.bad(4, ["File too large"], "train", "--run", "r", "--resume", "train.epochs=9", preexec_fn=limit, env=env)
        self.bad(4, ["File too large"], "gen", "data.path=b.h5", "pde.samples=99", "pde.grid=9,9", preexec_fn=limit, env=env)
        self.assertFalse((self.folder / "b.h5").exists())
        self.good("check", "r")
        self.good("train", "--run", "r", "--resume", "train.epochs=3")

    def test_a_flipped_byte_in_the_newest_checkpoint(self):
        self.generate()
        self.train("r", "checkpoint.keep=9")
        newest = sorted((self.folder / "r/checkpoints").glob("step-*"))[-1]
        shard = next(newest.glob("shard-*"))
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 4
        shard.write_bytes(content)
        self.assertRegex(self.bad(3, ["checkpoints"], "check", "r").stdout, rf"BAD +{newest.name} .*digest")
        self.bad(3, [newest.name, "digest"], "train", "--run", "r", "--resume", "--strict-resume", mpi=True)
        done = self.good("train", "--run", "r", "--resume", "train.epochs=4", mpi=True)
        self.assertRegex(done.stderr, rf"W r0 .*{newest.name}")
        self.assertNotIn("pno: error", done.stderr)
        self.good("eval", "r", mpi=True)

    def test_stop_status_lock_and_resume(self):
        self.generate()
        words = ["train", "--run", "r", "data.path=a.h5", *SMALL, "eval.every=0", "parallel.timeout_s=30"]
        with subprocess.Popen([*MPIRUN, PNO, *words, "train.steps=100000000"], cwd=self.folder, text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as job:
            try:
                journal = self.folder / "r/metrics.jsonl"
                end = time.monotonic() + 30
                while not (journal.exists() and journal.stat().st_size > 0):
                    self.assertTrue(job.poll() is None and time.monotonic() < end, "the training did not start")
                    time.sleep(0.05)
                self.assertRegex(self.good("ctl", "r", "status").stdout, r"running +pid \d+ on host")
                # Under mpirun: the daemon of a lone rank may live on, holding its output, while the other job runs.
                self.bad(2, ["pid", "pno ctl"], "train", "--run", "r", "--resume", mpi=True)
                self.good("ctl", "r", "stop")
                said = job.communicate(timeout=40)[1]
            finally:
                job.kill()
        self.assertEqual(job.returncode, 75, said)
        self.assertEqual(len(re.findall("(?m)^pno: stopped: ", said)), 1, said)
        self.assertNotIn("pno: error", said)
        self.assertRegex(self.good("ctl", "r", "status").stdout, r"running +no\ncheckpoint +step-\d+")
        step = int(max((self.folder / "r/checkpoints").glob("step-*")).name[5:])
        self.good("train", "--run", "r", "--resume", f"train.steps={step + 2}", mpi=True)
        rows = [json.loads(line) for line in journal.read_text().splitlines()]
        steps = [row["step"] for row in rows if row["t"] == "train"]
        self.assertEqual(steps, list(range(1, step + 3)), "a step is missing or double in the journal")


if __name__ == "__main__":
    PNO = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
