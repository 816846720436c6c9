"""No paths of one machine, mail addresses or hosts of private registries in tracked files."""
import re

import common

MACHINE = r"(?<![\w.])/(?:work|home/\w+|root|Users/\w+)/\w|(?<![\w.])/tmp/" + r"w\b"
MAIL = r"[\w.+-]+@[\w-]+\.(?:com|org|net|edu|io|dev)\b"
REGISTRY = r"\b(?:pypi|npm|artifactory|nexus|registry|mirror|proxy)\.[\w-]+\.[\w.]+|\b[\w-]+\.(?:internal|corp|local)\b(?=[:/])"


def check(files):
    found = []
    for path, text in files.items():
        if path.startswith("tests/lint/") or path == "LICENSE":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, what in ((MACHINE, "a path of one machine"), (MAIL, "a mail address"), (REGISTRY, "a registry")):
                m = re.search(pattern, line)
                if m:
                    found.append(f"{path}:{number}: {what}: {m.group()}")
    return found


common.run(check, [{"io/a.c": "/* see /" + "work/main */\n"}, {"a.md": "in /tmp/" + "w/x\n"}, {"a.md": "someone@example.org\n"},
                   {"a.sh": "pip -i https://pypi.example.net/simple\n"}],
           {"a.c": '#include "io/' + 'work/x.h"\n/* a/' + 'work/b, 3 @ 4 */\n'})
