"""tools/run --serve: the field day, after which its server stays until somebody stops it."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest

from field import PATIENCE_S, environment

TOOLS_RUN = os.environ["BRIGADA_TOOLS_RUN"]
BUILD = os.environ["BRIGADA_BUILD"]


class ServeTest(unittest.TestCase):
    def test_the_server_stays_and_ends_with_the_one_who_asked_for_it(self):
        with tempfile.TemporaryDirectory(prefix="brigada-day-") as day:
            play = subprocess.Popen(
                [TOOLS_RUN, "--build", BUILD, "--dir", day, "--people", "100", "--visits", "100", "--serve"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**environment(), "BRIGADA_LANG": "es"})
            said = []
            for line in play.stdout:
                said.append(line)
                if line.startswith("El servidor sigue en "):
                    break
            self.assertTrue(said[-1].startswith("El servidor sigue en "), "".join(said))
            told = "".join(said)
            self.assertIn("bien: personas (servidor) = 402", told)
            # The server's table names and its own answers are as they are in every language.
            for words in ("(server)", "pending", "open conflicts", "of other places", "people of", "ok:", "beside it"):
                self.assertNotIn(words, told)
            # Nor is a second server on its port suggested.
            self.assertNotIn("brigada-server --dir", told)
            self.assertIn("query --server", told)
            port = int(said[-1].split(":")[1].split(";")[0])
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
            play.send_signal(signal.SIGTERM)
            said.append(play.communicate(timeout=PATIENCE_S)[0])
            self.assertEqual(play.returncode, 0, "".join(said))
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def test_a_mistake_is_told_in_the_users_language(self):
        for lang, words in (("es", "no hay una opción «--nada»"), ("en", "unknown option '--nada'")):
            done = subprocess.run([TOOLS_RUN, "--nada"], capture_output=True, text=True, check=False,
                                  env={**environment(), "BRIGADA_LANG": lang})
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
