"""pno bench as its users meet it: cli_bench.py PNO GROUP, with the cases' tools of cli.py.

No case judges a time: that of t1, which takes milliseconds, is not looked at."""
import csv
import json
import os
import sys
import unittest

import cli

QUICK = ["--only", "t1", "bench.warmup_s=0", "bench.repeats=3"]


class Bench(cli.Case):
    def bench(self, name="a.json", *words, **options):
        done = self.good("bench", "all", *QUICK, "--json", name, *words, **options)
        return done, json.loads((self.folder / name).read_text())

    def test_rows_stand_beside_floors_in_text_json_and_csv(self):
        done, result = self.bench("a.json", "--csv", "a.csv")
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

    def test_ranks_and_threads_are_counted_and_share_the_batch(self):
        one = self.bench("a.json")[1]["rows"][0]
        two = self.bench("b.json", "parallel.threads=2", mpi=True)[1]["rows"][0]
        self.assertEqual([one["ranks"], one["threads"], two["ranks"], two["threads"]], [1, 1, 2, 2])
        self.assertEqual(one["gflop"], two["gflop"])
        self.assertLess(two["traffic_bytes"], one["traffic_bytes"])

    def test_train_and_infer_run_alone_and_the_device_is_named(self):
        self.good("bench", "infer", *QUICK, "--json", "a.json", "--device", "cpu/scalar")
        result = json.loads((self.folder / "a.json").read_text())
        self.assertEqual([(r["mode"], r["device"]) for r in result["rows"]], [("infer", "cpu/scalar")])
        self.bad(2, ["parallel.device"], "bench", "train", *QUICK, "--device", "gpu", mpi=True)

    def test_a_file_that_cannot_be_written_is_an_error(self):
        self.bad(4, ["nowhere"], "bench", "infer", *QUICK, "--json", "nowhere/a.json", mpi=True)
        self.bad(4, ["nowhere"], "bench", "infer", *QUICK, "--csv", "nowhere/a.csv")


if __name__ == "__main__":
    cli.PNO = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
