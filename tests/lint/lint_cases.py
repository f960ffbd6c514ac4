# SPDX-License-Identifier: Apache-2.0
"""What `record` and `run` share: preparing a case, and what of a check's JSON is compared."""
import json, os, shutil

HERE = os.path.dirname(os.path.realpath(__file__))
CASES = os.path.join(HERE, "cases")


def case_names():
    return sorted(os.listdir(CASES))


def prepare(name, work):
    """A context made of a case, and the flags that it wants."""
    source, context = os.path.join(CASES, name), os.path.join(work, name)
    os.makedirs(context)
    shutil.copyfile(os.path.join(source, "Dockerfile"), os.path.join(context, "Dockerfile"))
    if os.path.exists(os.path.join(source, "dockerignore")):
        shutil.copyfile(os.path.join(source, "dockerignore"), os.path.join(context, ".dockerignore"))
    if os.path.exists(os.path.join(source, "files")):
        shutil.copytree(os.path.join(source, "files"), context, dirs_exist_ok=True)
    flags = []
    if os.path.exists(os.path.join(source, "args")):
        with open(os.path.join(source, "args")) as f:
            flags = f.read().splitlines()
    return context, flags


def lines(location):
    """[[first, last], ...]; a range without an end is of one line."""
    ranges = (location or {}).get("ranges") or []
    return [[r["start"]["line"], max(r["start"]["line"], r.get("end", {}).get("line", 0))] for r in ranges]


def result(exit_code, text):
    """Exit code, warnings and error of a check. The order of warnings that docker takes from a map is not its own."""
    out = {"exit": exit_code, "warnings": []}
    if not text.strip():
        return out | {"error": []}
    check = json.loads(text)
    for warning in check.get("warnings") or []:
        out["warnings"].append([warning["ruleName"], lines(warning.get("location"))])
    out["warnings"].sort(key=lambda w: (w[1], w[0]))
    if check.get("buildError"):
        out["error"] = lines(check["buildError"].get("location"))
    return out


def read_expected(name):
    with open(os.path.join(CASES, name, "expected.json")) as f:
        return json.load(f)
