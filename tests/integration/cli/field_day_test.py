"""tools/run --serve: the field day, after which its server stays until somebody stops it."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from field import PATIENCE_S, SERVER, environment

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
            self.assertRegex(told, "bien: ana = servidor, MX/20/208 = people 202 .*visits 202 .*attendances 1 .*conflicts [1-9]")
            self.assertRegex(told, "bien: diego = servidor, MX/20/570 = people 100 ")
            # What this server writes is not removed from under it, nor what the reader put beside it.
            kept = os.path.join(day, "mine.txt")
            with open(kept, "w", encoding="utf-8") as file:
                file.write("x")
            self.assert_refused(1, ["un día de campo usa %s" % day, "--dir"], "--build", BUILD, "--dir", day)
            self.assertTrue(os.path.exists(kept))
            port = int(said[-1].split(":")[1].split(";")[0])
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
            play.send_signal(signal.SIGTERM)
            said.append(play.communicate(timeout=PATIENCE_S)[0])
            self.assertEqual(play.returncode, 0, "".join(said))
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            # The reader's own server, started as the text after a day says.
            own = subprocess.Popen([SERVER, "--dir", os.path.join(day, "server"), "serve", "--listen", "127.0.0.1:0",
                                    "--port-file", os.path.join(day, "own-port")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
            try:
                give_up = time.monotonic() + PATIENCE_S
                while not os.path.exists(os.path.join(day, "own-port")) and time.monotonic() < give_up:
                    time.sleep(0.02)
                self.assert_refused(1, ["un día de campo usa %s" % day], "--build", BUILD, "--dir", day)
                self.assertTrue(os.path.exists(kept))
            finally:
                own.terminate()
                own.wait(PATIENCE_S)

    def assert_refused(self, code, words, *options):
        done = subprocess.run([TOOLS_RUN, *options], capture_output=True, text=True, check=False,
                              env={**environment(), "BRIGADA_LANG": "es"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_day_that_would_not_end_is_refused(self):
        for number in ("99", "20001", "1000000", "x"):
            self.assert_refused(2, ["de 100 a 20000"], "--people", number)

    def test_a_mistake_is_told_in_the_users_language(self):
        for lang, words in (("es", "no hay una opción «--nada»"), ("en", "unknown option '--nada'")):
            done = subprocess.run([TOOLS_RUN, "--nada"], capture_output=True, text=True, check=False,
                                  env={**environment(), "BRIGADA_LANG": lang})
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
