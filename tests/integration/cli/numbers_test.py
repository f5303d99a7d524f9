"""Numbers out of range are refused by both programs, whatever the option, before anything is done."""

import os
import shutil
import tempfile
import unittest

from field import BRIGADA, OAXACA, SERVER, run

# Beyond what 64 bits hold, and what a 64-bit word wraps to.
NEVER = ("-1", "-5", "99999999999999999999", "1e3", "muchos")

OPTIONS = [
    ["generate", "--scope", OAXACA, "--people"],
    ["generate", "--scope", OAXACA, "--visits"],
    ["generate", "--scope", OAXACA, "--events"],
    ["generate", "--scope", OAXACA, "--attendances"],
    ["generate", "--scope", OAXACA, "--people", "1", "--seed"],
    ["list", "people", "--limit"],
    ["import", "people", "x.csv", "--skip-rows"],
    ["import", "people", "x.csv", "--batch"],
    ["sync", "--byte-budget"],
    ["sync", "--timeout"],
    ["query", "SELECT 1", "--max-rows"],
    ["invite", "x", "--role", "organizer", "--scope", OAXACA, "--valid-days"],
    ["rejected", "edit", "1", "--change"],
]
SERVER_OPTIONS = ["--threads", "--query-threads", "--max-sessions", "--max-new-sessions"]


class NumbersTest(unittest.TestCase):
    def setUp(self):
        self.path = tempfile.mkdtemp(prefix="brigada-numbers-")

    def tearDown(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def refused(self, option, value, command):
        answer = run(command, cwd=self.path)
        self.assertEqual(answer.code, 2, "%s %s\n%s" % (option, value, answer.text))
        self.assertIn("%s: «%s» debe ser un número de " % (option, value), answer.err)
        self.assertEqual(answer.out, "")

    def test_a_number_that_wraps_or_is_none_is_refused(self):
        for option in OPTIONS:
            for value in NEVER:
                directory = os.path.join(self.path, "d")
                self.refused(option[-1], value, [BRIGADA, "--dir", directory, *option[:-1], option[-1] + "=" + value])

    def test_the_server_refuses_them_too(self):
        for option in SERVER_OPTIONS:
            for value in (*NEVER, "0"):
                self.refused(option, value,
                             [SERVER, "--dir", self.path, "serve", "--listen", "127.0.0.1:0", option + "=" + value])


if __name__ == "__main__":
    unittest.main()
