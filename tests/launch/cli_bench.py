"""pno bench, compare and info --plan as their users meet them: cli_bench.py PNO GROUP, with the cases' tools of cli.py.

No case judges a time: that of t1, which takes milliseconds, is only carried from one command to the next."""
import csv
import json
import os
import re
import sys
import unittest

import cli

QUICK = ["--only", "t1", "bench.warmup_s=0", "bench.repeats=3", "bench.burst_s=0.0002"]


class Bench(cli.Case):
    def bench(self, name="a.json", *words, **options):
        done = self.good("bench", "all", *QUICK, "--json", name, *words, **options)
        return done, json.loads((self.folder / name).read_text())

    def test_rows_stand_beside_floors_in_text_json_and_csv(self):
        done, result = self.bench("a.json", "--csv", "a.csv", "--phases")
        self.check_phases(done.stdout, result["rows"])
        self.assertRegex(done.stdout, r"(?m)^rates +[\d.]+ GFLOP/s .*GELU .* copy [\d.]+ GB/s$")
        self.assertRegex(done.stdout, r"(?m)^gates +VALID")
        self.assertEqual(result["validity"], "VALID")
        self.assertEqual([(r["config"], r["mode"]) for r in result["rows"]], [("t1", "train"), ("t1", "infer")])
        for row in result["rows"]:
            self.assertAlmostEqual(row["fraction"], row["floor_ms"] / row["median_ms"])
            self.assertAlmostEqual(row["padded_fraction"], row["padded_floor_ms"] / row["median_ms"])
            self.assertTrue(row["best_ms"] <= row["lower_ms"] <= row["median_ms"] <= row["upper_ms"])
            floor = row["gflop"] / row["fma_gflops"] * 1e3
            self.assertLess(floor, row["floor_ms"])
            self.assertGreater(row["memory_bytes"], 4 * row["parameters"])
        with open(self.folder / "a.csv", newline="") as file:
            table = list(csv.DictReader(file))
        for row, line in zip(result["rows"], table, strict=True):
            self.assertEqual((line["config"], line["mode"], line["validity"]), (row["config"], row["mode"], "VALID"))
            self.assertAlmostEqual(float(line["median_ms"]), row["median_ms"], places=5)

    def check_phases(self, text, rows):
        """Work of the phases adds up to the pass, and the pass is that of the row; all of it is in the text."""
        forward = ["lift", "mix", "layers", "turn"]
        back = ["mix_back", "layers_back", "partials", "reduce", "optimiser"]
        for row, names in zip(rows, (forward + back + ["rest"], forward + ["rest"]), strict=True):
            *phases, whole = row["phases"]
            self.assertEqual(([p["phase"] for p in phases], whole["phase"]), (names, "pass"))
            for key in ("gflop", "gelu_m", "mbytes", "floor_ms"):
                self.assertAlmostEqual(sum(p[key] for p in phases), whole[key])
            self.assertAlmostEqual(whole["gflop"], row["gflop"])
            self.assertAlmostEqual(1e6 * whole["mbytes"], row["traffic_bytes"], delta=1)
            self.assertAlmostEqual(whole["floor_ms"], row["floor_ms"])
            for p in row["phases"]:
                self.assertAlmostEqual(p["mcycles"] * whole["ms"], whole["mcycles"] * p["ms"])
                self.assertAlmostEqual(p["share"] * whole["ms"], p["ms"])
                self.assertAlmostEqual(p["fraction"] * p["ms"], p["floor_ms"])
                self.assertAlmostEqual(p["flop_a_cycle"] * p["mcycles"], 1e3 * p["gflop"])
                self.assertAlmostEqual(p["gbytes"] * p["ms"], p["mbytes"])
            self.assertRegex(text, fr"(?m)^ t1 {row['mode']}, phases of rank 0 of 1, .* core [\d.]+ GHz, ticks [\d.]+ GHz")
        self.assertEqual(re.findall(r"(?m)^ (\w+) +[\d.]+ +[\d.]+ .*\d$", text.split("phases of", 1)[1]),
                         forward + back + ["rest", "pass"] + forward + ["rest", "pass"])

    def test_ranks_and_threads_are_counted_and_share_the_batch(self):
        one = self.bench("a.json", "parallel.threads=1")[1]["rows"][0]
        two = self.bench("b.json", "parallel.threads=2", mpi=True)[1]["rows"][0]
        self.assertEqual([one["ranks"], one["threads"], two["ranks"], two["threads"]], [1, 1, 2, 2])
        self.assertEqual(one["gflop"], two["gflop"])
        self.assertLess(two["traffic_bytes"], one["traffic_bytes"])

    def test_threads_are_those_of_a_training_unless_told(self):
        one_core = min(os.sched_getaffinity(0))
        pinned = self.bench("a.json", preexec_fn=lambda: os.sched_setaffinity(0, {one_core}))[1]
        self.assertEqual([pinned["threads"], {row["threads"] for row in pinned["rows"]}], [1, {1}])
        free = self.bench("b.json")[0].stdout
        plan = self.good("info", "--plan", "data.path=none.h5", "pde.grid=16,16", "model.modes=4,4").stdout
        self.assertEqual(re.search(r"x (\d+) threads", free)[1], re.search(r"(\d+) threads?\n", plan)[1])

    def test_train_and_infer_run_alone_and_the_device_is_named(self):
        self.good("bench", "infer", *QUICK, "--json", "a.json", "--device", "cpu/scalar")
        result = json.loads((self.folder / "a.json").read_text())
        self.assertEqual([(r["mode"], r["device"]) for r in result["rows"]], [("infer", "cpu/scalar")])
        self.bad(2, ["parallel.device"], "bench", "train", *QUICK, "--device", "gpu", mpi=True)

    def test_a_file_that_cannot_be_written_is_an_error(self):
        self.bad(4, ["nowhere"], "bench", "infer", *QUICK, "--json", "nowhere/a.json", mpi=True)
        self.bad(4, ["nowhere"], "bench", "infer", *QUICK, "--csv", "nowhere/a.csv")


class Compare(cli.Case):
    base = None  # text of a result of the program

    def result(self, name, change=lambda r: None):
        """A result of the program, changed by a function, written under another name."""
        if not Compare.base:
            self.good("bench", "all", *QUICK, "--phases", "--json", "base.json")
            Compare.base = (self.folder / "base.json").read_text()
        result = json.loads(Compare.base)
        change(result)
        self.write(name, json.dumps(result))
        return name

    def scaled(self, name, factor):
        def change(result):
            result["rows"][0]["median_ms"] *= factor
        return self.result(name, change)

    def test_verdicts_and_exit_codes(self):
        a = self.result("a.json")
        self.assertRegex(self.good("compare", a, a).stdout, r"(?m)1\.000  same .*t1 train")
        self.good("compare", a, self.scaled("b.json", 1.04))
        self.bad(8, ["1 of 2", "5 %"], "compare", a, self.scaled("b.json", 1.06))
        self.bad(8, ["1 of 2", "3 %"], "compare", a, self.scaled("b.json", 1.04), "--tol", "3%")
        self.good("compare", a, self.scaled("b.json", 1.06), "--tol=7%")
        done = self.good("compare", a, self.scaled("b.json", 0.5))
        self.assertRegex(done.stdout, r"0\.500  improved .*t1 train")
        self.bad(8, ["1 of 2"], "compare", "b.json", a, mpi=True)

    def test_rows_without_a_partner_are_told_and_none_at_all_is_an_error(self):
        a = self.result("a.json")
        done = self.good("compare", a, self.result("b.json", lambda r: r["rows"].pop()))
        self.assertIn("1 rows of A and 0 of B have no partner", done.stdout)
        for key, value in (("config", "a1"), ("mode", "dream"), ("device", "cpu/other"), ("ranks", 3), ("threads", 3)):
            def change(result):
                for row in result["rows"]:
                    row[key] = value if key != "mode" else value + row["mode"]
                del result["rows"][1:]
            self.bad(3, ["a.json", "b.json", "no row in common"], "compare", a, self.result("b.json", change))

    def test_results_that_are_not_valid_and_files_of_strangers_are_refused(self):
        a = self.result("a.json")
        bad = self.result("b.json", lambda r: r.update(validity="INVALID: gradients"))
        self.bad(3, ["b.json", "not valid", "gradients"], "compare", a, bad)
        self.bad(3, ["b.json", "not valid"], "compare", bad, a)
        self.bad(3, ["b.json", "median_ms"], "compare", a, self.scaled("b.json", -1))
        self.write("b.json", "not JSON")
        self.bad(3, ["b.json", "no JSON"], "compare", a, "b.json", mpi=True)
        self.bad(4, ["none.json"], "compare", a, "none.json")

    def test_two_runs_are_compared_by_step_and_validation(self):
        self.generate()
        self.train("r")
        self.train("s", "train.lr=0.5")
        self.assertRegex(self.good("compare", "r", "r").stdout, r"(?s)same +step, ms\n.*same +best valid rel_l2\n")
        for run, ms in (("r", 10.0), ("s", 20.0)):  # what was measured may be anything
            journal = self.folder / run / "metrics.jsonl"
            lines = [json.loads(line) for line in journal.read_text().splitlines()]
            for line in lines:
                if line["t"] == "train":
                    line["step_ms"] = ms
            journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = self.bad(8, ["regressed"], "compare", "r", "s")
        self.assertRegex(done.stdout, r"regressed  step, ms")
        self.write("a.json", "{}")
        self.bad(2, ["r is a run", "a.json"], "compare", "r", "a.json")


class Plan(cli.Case):
    def plan(self, *words, **options):
        """{purpose: bytes} and the text."""
        text = self.good("info", "--plan", *words, **options).stdout
        return {name.strip(): int(n) for name, n in re.findall(r"(?m)^  (\S.*?) +[\d.]+ MiB +(\d+)$", text)}, text

    def test_memory_by_purpose_adds_up_for_a_configuration_and_its_run(self):
        self.generate()
        self.train("r")
        lines, text = self.plan("r")
        self.assertEqual(sum(lines.values()), 2 * lines["total"])
        for purpose in ("parameters", "gradient", "moments", "activations kept", "spectra", "partial gradients",
                        "scratch of threads", "batch", "tables", "validation"):
            self.assertIn(purpose, lines)
        self.assertIn("9 x 9, 1 -> 1 channels (a.h5)", text)
        self.assertRegex(text, r"(?m)^calls .*, cpu/\w+, \d+ threads?$")
        one, five = (self.plan("r", f"parallel.threads={n}", "--device", "cpu/scalar") for n in (1, 5))
        self.assertIn(", cpu/scalar, 5 threads\n", five[1])
        self.assertEqual(five[0]["scratch of threads"], 5 * one[0]["scratch of threads"])
        self.write("a.yaml", "data: {path: a.h5, batch: 4, valid_samples: 2}\nmodel: {width: 4, modes: [4, 4], layers: 1}\n")
        self.assertEqual(self.plan("a.yaml")[0], lines)
        self.assertGreater(self.plan("r", "model.layers=2")[0]["activations kept"], lines["activations kept"])
        self.bad(2, ["3 values", "2-D"], "info", "--plan", "r", "model.modes=4,4,4", mpi=True)

    def test_no_data_and_no_memory_are_needed(self):
        huge = ["data.path=none.h5", "pde.grid=16384,16384", "model.width=512", "model.modes=512,512"]
        lines, text = self.plan(*huge)
        self.assertGreater(lines["total"], 1 << 40)
        self.assertIn("16384 x 16384, 1 -> 1 channels (pde.grid", text)
        self.assertRegex(text, r"(?m)^work +[\d.e+]+ GFLOP a step")
        self.assertRegex(text, r"(?m)^moves +[\d.]+ MiB a step")

    def test_the_public_set_has_its_published_work(self):
        a1 = ["data.path=none.h5", "pde.grid=64,64", "model.flavour=li", "model.modes=12,12", "data.batch=20"]
        step, forward = re.search(r"work +([\d.]+) GFLOP a step, ([\d.]+) GFLOP", self.plan(*a1)[1]).groups()
        self.assertAlmostEqual(float(step), 5.51, delta=0.11)
        self.assertAlmostEqual(float(forward), 1.98, delta=0.04)

    def test_a_plan_says_which_transform_its_rows_take_and_keeps_what_was_measured(self):
        many = ["data.path=none.h5", "pde.grid=512", "model.modes=500", "model.width=16", "parallel.wisdom=kept"]
        few = self.good("info", "--plan", *many, "model.modes=40").stdout
        self.assertRegex(few, r"(?m)^rows +512 points, 21 modes, by tables$")
        self.assertFalse((self.folder / "kept").exists(), "few modes need no measurement")
        tables = self.good("info", "--plan", *many, "parallel.transform=tables").stdout
        self.assertRegex(tables, r"(?m)^rows +512 points, 251 modes, by tables$")
        self.assertFalse((self.folder / "kept").exists())
        scalar = self.good("info", "--plan", *many, "--device", "cpu/scalar").stdout
        self.assertRegex(scalar, r"(?m)^rows +512 points, 251 modes, by tables$")
        if self.good("info").stdout.count("cpu/avx") == 0:
            return
        line = r"(?m)^rows +512 points, 251 modes, by (?:FFTW|tables) \(.*\)$"
        first = re.search(line, self.good("info", "--plan", *many).stdout)
        self.assertTrue(first)
        self.assertEqual([p.name[:11] for p in (self.folder / "kept").glob("*.txt")], ["transforms-"])
        self.assertEqual(re.search(line, self.good("info", "--plan", *many).stdout)[0], first[0])
        self.good("info", "--plan", *many[:-1], env={"XDG_CACHE_HOME": str(self.folder / "cache")})
        self.assertEqual([p.name[:11] for p in (self.folder / "cache/pno").glob("*.txt")], ["transforms-"])
        forced = self.good("info", "--plan", *many, "parallel.transform=fftw").stdout
        self.assertRegex(forced, "modes, by FFTW")

    def test_what_cannot_be_planned(self):
        self.bad(2, ["data.path"], "info", "--plan")
        self.bad(2, ["--plan"], "info", "--plan", "a.yaml", "b.yaml")
        self.bad(4, ["none.yaml"], "info", "--plan", "none.yaml")
        self.write("a.h5", "not HDF5")
        self.bad(3, ["a.h5"], "info", "--plan", "data.path=a.h5")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.h5"])


if __name__ == "__main__":
    cli.PNO = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
