#!/usr/bin/env python3
"""Checks over the whole tree that no compiler makes; the rules stand below, each with its reason.

Usage: lint.py [ROOT]    prints FILE:LINE: RULE: what to do, and ends with status 1 when something is wrong.
"""

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

# Which layers may include which, from docs/architecture.md: whatever lies below, never beside or above.
BELOW = {
    "proto": [],
    "replica/base": [],
    "replica/territory": ["replica/base"],
    "replica/crypto": ["replica/base"],
    "replica/schema": ["proto", "replica/base"],
}
BELOW["replica/merge"] = BELOW["replica/schema"] + ["replica/schema"]
BELOW["replica/store"] = BELOW["replica/merge"] + ["replica/merge", "replica/crypto"]
BELOW["replica/sync"] = BELOW["replica/store"] + ["replica/store"]
BELOW["replica/query"] = BELOW["replica/store"] + ["replica/store", "replica/territory"]
WHOLE_REPLICA = ["proto"] + [layer for layer in BELOW if layer.startswith("replica/")]
WHOLE_REPLICA += ["replica/merge", "replica/store", "replica/sync", "replica/query"]
BELOW["client_lib"] = WHOLE_REPLICA
BELOW["server"] = WHOLE_REPLICA
BELOW["tools"] = WHOLE_REPLICA + ["client_lib", "server"]
BELOW["bench"] = BELOW["tools"] + ["tools", "tests"]
BELOW["tests"] = BELOW["tools"] + ["tools", "bench"]

# Single includes against the layers: (file, include).
EXCEPTIONS = {
    # The simulation's front; it is compiled only in builds with tests.
    ("tools/brigada/simulate_command.cc", "tests/sim/simulate.h"),
}

# Outside libraries that only some folders may see: (pattern of the include, folders).
CONFINED = [
    (re.compile(r"(grpc|grpcpp|grpc\+\+)/|.*\.grpc\.pb\.h$"), ["client_lib", "server", "tools", "tests", "bench"]),
    (re.compile(r"rocksdb/"), ["replica/store", "tests", "bench"]),
    (re.compile(r"sqlite3(ext)?\.h$"), ["replica/query", "tests", "bench"]),
]
# The public headers hide what the library is made of.
PUBLIC_HEADERS = "client_lib/include"

# merge and sync are pure: time, randomness and storage are passed in, so that a simulation is repeatable.
PURE_LAYERS = ["replica/merge", "replica/sync"]
IMPURE_INCLUDE = re.compile(
    r"(thread|mutex|shared_mutex|condition_variable|future|chrono|random|replica/base/mutex\.h"
    r"|absl/time/clock\.h|absl/random/.*|absl/synchronization/.*)$")
IMPURE_CALL = re.compile(r"\b(absl::Now|SystemClock|SystemRandom|std::rand|random_device|absl::SleepFor)\s*\(")

LINES_MAX = 800
CODE = {".h", ".cc", ".c", ".proto"}
TEXT = CODE | {".py", ".md", ".cmake", ".sh", ".yaml", ".yml"}
# Spelt in parts, so that this file passes its own check.
LEFT_OVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wo" + r"rk|ro" + r"ot)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
USING_NAMESPACE = re.compile(r"^\s*using\s+namespace\b")
LINK = re.compile(r"\[[^\]\[]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


def layer_of(path):
    """The layer a file belongs to, or the layer an include leads into; None outside the layers."""
    parts = PurePosixPath(path).parts
    if parts[0] == "replica" and len(parts) > 2:
        return f"replica/{parts[1]}"
    if parts[:2] == ("brigada", "v1"):
        return None if path.endswith(".grpc.pb.h") else "proto"
    if parts[0] == "brigada":
        return "client_lib"
    return parts[0] if parts[0] in BELOW else None


def within(path, folders):
    return any(path.startswith(folder + "/") for folder in folders)


def check_includes(path, lines):
    own = layer_of(path)
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        include = found.group(1)
        target = layer_of(include)
        is_allowed = target == own or target in BELOW.get(own, []) or (path, include) in EXCEPTIONS
        if own and target and not is_allowed:
            yield number, "layering", f"{own} must not include {include}: {target} is not below it"
        for pattern, folders in CONFINED:
            if not pattern.match(include):
                continue
            if within(path, [PUBLIC_HEADERS]):
                yield number, "layering", f"a public header must not include {include}"
            elif not within(path, folders):
                yield number, "layering", f"{include} may be included only in {', '.join(folders)}"
        if own in PURE_LAYERS and IMPURE_INCLUDE.match(include):
            yield number, "purity", f"{own} must not include {include}: it is passed in by interface"


def check_purity(path, lines):
    if layer_of(path) not in PURE_LAYERS:
        return
    for number, line in enumerate(lines, 1):
        if IMPURE_CALL.search(line.split("//")[0]):
            yield number, "purity", "time and randomness are passed in, never taken"


def check_header_guard(path, lines):
    if not path.endswith(".h"):
        return
    guards = {re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"}
    if within(path, [PUBLIC_HEADERS]):
        # As their users include them.
        guards = {re.sub(r"[^A-Za-z0-9]", "_", path[len(PUBLIC_HEADERS) + 1:]).upper() + "_"} | guards
    stripped = [line.strip() for line in lines]
    for guard in guards:
        if f"#ifndef {guard}" in stripped and f"#define {guard}" in stripped:
            return
    yield 1, "guard", f"the header guard must be {' or '.join(sorted(guards))}"


def check_using_namespace(path, lines):
    if PurePosixPath(path).suffix in CODE:
        for number, line in enumerate(lines, 1):
            if USING_NAMESPACE.match(line):
                yield number, "namespace", "name what is used instead of opening a whole namespace"


def check_left_over(_, lines):
    for number, line in enumerate(lines, 1):
        if LEFT_OVER.search(line):
            yield number, "left-over", "do it, or open an issue; the code holds no reminders"


def check_length(_, lines):
    if len(lines) > LINES_MAX:
        yield len(lines), "length", f"{len(lines)} lines: split by idea ({LINES_MAX} at most)"


def check_machine_path(_, lines):
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield number, "machine-path", "this path exists on one machine only"


def anchors(lines):
    """The anchors that the headings of a Markdown page get when it is shown on the web."""
    names = set()
    for line in outside_fences(lines):
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            names.add(text.replace(" ", "-"))
    return names


def outside_fences(lines):
    """The lines with the contents of fenced blocks blanked, so that numbers stay right."""
    fenced = False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
            yield ""
        else:
            yield "" if fenced else line


def check_links(root, path, lines):
    if not path.endswith(".md"):
        return
    for number, line in enumerate(outside_fences(lines), 1):
        for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            target, _, anchor = link.partition("#")
            file = (root / path).parent / target if target else root / path
            if not file.exists():
                yield number, "link", f"{link} leads nowhere"
            elif anchor and file.suffix == ".md" and anchor.lower() not in anchors(read_lines(file) or []):
                yield number, "link", f"{target or path} has no heading for #{anchor}"


def check_run_bit(root, path, lines):
    if lines and lines[0].startswith("#!") and not path.endswith(".py") and not os.access(root / path, os.X_OK):
        yield 1, "run-bit", "a script needs its run bit: chmod +x"


def read_lines(file):
    """The lines of a text file; None when it is no UTF-8 text."""
    try:
        return file.read_text(encoding="utf-8").split("\n")
    except (UnicodeDecodeError, IsADirectoryError):
        return None


def list_files(root):
    """What git tracks or would track; every file but build output where there is no git."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                cwd=root, capture_output=True, check=False)
        if listed.returncode == 0:
            return sorted(name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file())
    files = []
    for folder, names, leaves in os.walk(root):
        names[:] = [name for name in names if name not in ("build", ".git")]
        files += [(Path(folder) / leaf).relative_to(root).as_posix() for leaf in leaves]
    return sorted(files)


def is_checked_text(path, lines):
    name = PurePosixPath(path).name
    suffix = PurePosixPath(path).suffix
    return suffix in TEXT or name == "CMakeLists.txt" or (suffix == "" and lines[0].startswith("#!"))


def check_file(root, path):
    lines = read_lines(root / path)
    if lines is None or not is_checked_text(path, lines):
        return
    if lines and lines[-1] == "":
        lines.pop()
    if PurePosixPath(path).suffix in {".h", ".cc", ".c"}:
        yield from check_includes(path, lines)
        yield from check_purity(path, lines)
        yield from check_header_guard(path, lines)
    for check in (check_using_namespace, check_left_over, check_length, check_machine_path):
        yield from check(path, lines)
    yield from check_links(root, path, lines)
    yield from check_run_bit(root, path, lines)


def main(arguments):
    root = Path(arguments[0] if arguments else ".").resolve()
    files = list_files(root)
    faults = 0
    for path in files:
        for number, rule, advice in check_file(root, path):
            print(f"{path}:{number}: {rule}: {advice}")
            faults += 1
    print(f"lint: {len(files)} files, {faults} faults")
    if not files:
        print(f"lint: nothing to check in {root}", file=sys.stderr)
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
