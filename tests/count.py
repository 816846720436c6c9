"""Prints the tests that were skipped and the closing line of tests/run.sh from Meson's log; exit 1 on a failure."""
import json
import sys


def main(path):
    passed = failed = skipped = 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                reason = (test.get("stdout") or "").strip().splitlines()
                print("skipped:", test["name"], "-", reason[-1] if reason else "no reason given")
            else:
                failed += 1
                print("FAILED:", test["name"])
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
