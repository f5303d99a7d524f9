#!/usr/bin/env python3
"""Plants one violation of each rule in a small tree and sees the lint refuse it, and only it."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import lint

CLEAN = {
    "replica/base/ids.h": "#ifndef REPLICA_BASE_IDS_H_\n#define REPLICA_BASE_IDS_H_\n#include <string>\n#endif\n",
    "replica/merge/apply.cc": '#include "brigada/v1/person.pb.h"\n#include "replica/base/ids.h"\n',
    "replica/store/kv.cc": '#include "rocksdb/db.h"\n#include "replica/crypto/chain.h"\n#include "replica/merge/apply.h"\n',
    "replica/query/tables.cc": '#include <sqlite3.h>\n#include "replica/territory/territory.h"\n',
    "server/main.cc": '#include "grpcpp/grpcpp.h"\n#include "brigada/v1/sync_service.grpc.pb.h"\n',
    "client_lib/include/brigada/replica.h":
        "#ifndef BRIGADA_REPLICA_H_\n#define BRIGADA_REPLICA_H_\n#include \"brigada/v1/person.pb.h\"\n#endif\n",
    "README.md": "# Title\n\nSee [the page](docs/page.md#the-second-part), [top](#title), [out](https://example.org/a).\n",
    "docs/page.md": "# Page\n\n## The second part\n\n```\n[no](link.md)\n```\n[back](../README.md)\n",
}


def run_lint(extra):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**CLEAN, **extra}.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = lint.main([folder])
        return status, output.getvalue()


class LintTest(unittest.TestCase):
    def refuses(self, path, text, rule):
        status, output = run_lint({path: text})
        faults = [line for line in output.splitlines() if not line.startswith("lint:")]
        self.assertEqual(status, 1, output)
        self.assertEqual(len(faults), 1, output)
        self.assertRegex(faults[0], rf"^{path}:\d+: {rule}: ")

    def test_clean_tree_passes(self):
        status, output = run_lint({})
        self.assertEqual(status, 0, output)

    def test_layer_includes_one_above(self):
        for path, include in [
            ("replica/base/a.cc", "replica/schema/registry.h"),
            ("replica/base/a.cc", "brigada/v1/person.pb.h"),
            ("replica/schema/a.cc", "replica/merge/apply.h"),
            ("replica/schema/a.cc", "replica/territory/territory.h"),
            ("replica/merge/a.cc", "replica/store/kv.h"),
            ("replica/merge/a.cc", "replica/crypto/chain.h"),
            ("replica/store/a.cc", "replica/sync/codec.h"),
            ("replica/sync/a.cc", "replica/query/query.h"),
            ("replica/sync/a.cc", "brigada/replica.h"),
            ("replica/query/a.cc", "replica/sync/codec.h"),
            ("replica/crypto/a.cc", "replica/schema/scope.h"),
            ("server/a.cc", "client_lib/engine.h"),
            ("client_lib/a.cc", "server/authority.h"),
            ("client_lib/a.cc", "tests/support/fake_clock.h"),
        ]:
            with self.subTest(path=path, include=include):
                self.refuses(path, f'#include "{include}"\n', "layering")

    def test_library_outside_its_folders(self):
        for path, include in [
            ("replica/sync/a.cc", "grpcpp/grpcpp.h"),
            ("replica/store/a.cc", "brigada/v1/sync_service.grpc.pb.h"),
            ("replica/query/a.cc", "rocksdb/db.h"),
            ("server/a.cc", "rocksdb/db.h"),
            ("server/a.cc", "sqlite3.h"),
        ]:
            with self.subTest(path=path, include=include):
                self.refuses(path, f"#include <{include}>\n", "layering")

    def test_public_header_shows_its_inside(self):
        guard = "BRIGADA_A_H_"
        text = f"#ifndef {guard}\n#define {guard}\n#include <grpcpp/grpcpp.h>\n#endif\n"
        self.refuses("client_lib/include/brigada/a.h", text, "layering")

    def test_pure_layer_takes_time_or_threads(self):
        self.refuses("replica/sync/a.cc", "#include <thread>\n", "purity")
        self.refuses("replica/merge/a.cc", '#include "replica/base/mutex.h"\n', "purity")
        self.refuses("replica/sync/a.cc", "const absl::Time now = absl::Now();\n", "purity")

    def test_header_guard_of_another_file(self):
        self.refuses("replica/base/b.h", "#ifndef REPLICA_BASE_A_H_\n#define REPLICA_BASE_A_H_\n#endif\n", "guard")
        self.refuses("replica/base/b.h", "#pragma once\n", "guard")

    def test_whole_namespace_opened(self):
        self.refuses("server/a.cc", "using " + "namespace std;\n", "namespace")

    def test_reminder_left(self):
        for path, word in [("server/a.cc", "TO" + "DO"), ("docs/a.md", "FIX" + "ME"), ("cmake/a.cmake", "TO" + "DO")]:
            with self.subTest(path=path):
                self.refuses(path, f"# {word}: later\n", "left-over")

    def test_link_that_leads_nowhere(self):
        self.refuses("docs/a.md", "[x](missing.md)\n", "link")
        self.refuses("docs/a.md", "[x](page.md#no-such-part)\n", "link")

    def test_file_too_long(self):
        self.refuses("server/a.cc", "int a;\n" * 801, "length")
        status, output = run_lint({"server/a.cc": "int a;\n" * 800})
        self.assertEqual(status, 0, output)

    def test_path_of_one_machine(self):
        self.refuses("docs/a.md", "open /wo" + "rk/main/README\n", "machine-path")
        self.refuses("cmake/a.cmake", 'set(x "/ro' + 'ot/x")\n', "machine-path")

    def test_script_without_its_run_bit(self):
        self.refuses("tools/a", "#!/bin/bash\n", "run-bit")

    def test_empty_tree_is_a_fault(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(lint.main([folder]), 1)


if __name__ == "__main__":
    unittest.main()
