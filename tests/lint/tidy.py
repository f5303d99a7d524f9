#!/usr/bin/env python3
"""Runs clang-tidy over the sources that the preset tidy would compile, and remembers which passed.

tidy.py ROOT BUILD [--jobs N] [PATH...]

BUILD is configured with clang and holds the generated headers. clang-tidy reports what the compiler would, so warnings
and the thread-safety analysis are checked here too. A source that passed is not read again until its compile command,
.clang-tidy, the linter's version, or the content of a file that it includes changes: BUILD/tidy-passed has them all.
With the plugin of tidy_own_code.cc (built where the packages for it are installed) a source takes a fifth of the time.
The status is 1 when clang-tidy found anything. PATHs, from the root, restrict the run to these files and folders.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading


class Digests:
    """The digest of each file's content, taken once."""

    def __init__(self):
        self._known = {}

    def of(self, path):
        if path not in self._known:
            try:
                self._known[path] = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
            except OSError:
                self._known[path] = "missing"
        return self._known[path]


class Passes:
    """What passed: per source and command, the digest of every file that was read."""

    def __init__(self, folder, settings, digests):
        self._folder, self._settings, self._digests = folder, settings, digests
        folder.mkdir(exist_ok=True)

    def _file(self, entry):
        key = "\0".join([self._settings, entry["file"], entry["command"]])
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    def holds(self, entry):
        try:
            lines = self._file(entry).read_text().splitlines()
        except OSError:
            return False
        return all(self._digests.of(line[65:]) == line[:64] for line in lines)

    def add(self, entry):
        # The first word of a rule is its target. A space in a path is written with a backslash.
        command = re.sub(r" -o \S+ -c ", " -M -MT x -w ", entry["command"])
        rule = subprocess.run(command, shell=True, cwd=entry["directory"], capture_output=True, text=True)
        if rule.returncode != 0:
            return
        words = re.split(r"(?<!\\)\s+", rule.stdout.replace("\\\n", " ").strip())[1:]
        paths = [os.path.join(entry["directory"], word.replace("\\ ", " ")) for word in words]
        self._file(entry).write_text("".join(f"{self._digests.of(path)} {path}\n" for path in paths))


def lint(entry, build, plugin):
    load = [f"--load={plugin}"] if plugin.exists() else []
    result = subprocess.run(["clang-tidy", "-p", str(build), "--quiet", *load, entry["file"]],
                            capture_output=True, text=True)
    # What remains on the error stream of a clean run is a count of the warnings in system headers.
    return "" if result.returncode == 0 else result.stdout + result.stderr


def own_sources(root, build, wanted):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(root) or path.is_relative_to(build):
            continue
        name = path.relative_to(root)
        if not wanted or any(name.is_relative_to(prefix) for prefix in wanted):
            yield str(name), entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_intermixed_args()
    root, build = arguments.root.resolve(), arguments.build.resolve()

    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    passes = Passes(build / "tidy-passed", version + (root / ".clang-tidy").read_text(), Digests())
    plugin = build / "tests/lint/libtidy_own_code.so"
    sources = list(own_sources(root, build, arguments.paths))
    work = [(name, entry) for name, entry in sources if not passes.holds(entry)]
    print(f"clang-tidy: {len(work)} of {len(sources)} sources to read", flush=True)

    faulty = []
    done = 0
    printing = threading.Lock()

    def read(name, entry):
        nonlocal done
        faults = lint(entry, build, plugin)
        if not faults:
            passes.add(entry)
        with printing:
            done += 1
            print(f"[{done}/{len(work)}] {name}", *([faults] if faults else []), sep="\n", flush=True)
            if faults:
                faulty.append(name)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for future in [pool.submit(read, name, entry) for name, entry in work]:
            future.result()
    if faulty:
        print(f"clang-tidy: faults in {' '.join(sorted(faulty))}", file=sys.stderr)
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
