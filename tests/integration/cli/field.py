"""An organization in a scratch directory, with real `brigada-server` and `brigada` processes."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BRIGADA = os.environ.get("BRIGADA_PROGRAM", "brigada")
SERVER = os.environ.get("BRIGADA_SERVER_PROGRAM", "brigada-server")
# Generous: a loaded machine is slow, and a command that hangs is to fail.
PATIENCE_S = 120

OAXACA = "MX/20/067"
MIXTEPEC = "MX/20/208"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Answer:
    """What a command said and how it ended."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    @property
    def text(self):
        return self.out + self.err

    def json(self):
        return json.loads(self.out)

    @property
    def id(self):
        return self.out.strip().splitlines()[-1]


def environment(lang="es", **more):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("BRIGADA_", "LC_", "LANG"))}
    kept.update({"LC_ALL": "es_MX.UTF-8" if lang == "es" else "en_US.UTF-8", "TZ": "UTC"})
    kept.update(more)
    return kept


def run(arguments, stdin=None, lang="es", limit=None, cwd=None):
    """Runs to the end; `limit` prepares the child (resource limits)."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return Answer(subprocess.run(arguments, input=data if data is not None else b"", capture_output=True,
                                 timeout=PATIENCE_S, env=environment(lang), preexec_fn=limit, cwd=cwd,
                                 check=False))


def reserve_port():
    """A port that stays the test's while its server is stopped, as tests/support/port_reservation.h has it: the two
    ranges and names are one. Returns it with the socket that holds the reservation."""
    for i in range(10000):
        port = 20000 + (os.getpid() + i) % 10000
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind("\0brigada-test-port-%d" % port)
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind(("", port))
            return port, lock
        except OSError:
            lock.close()
    raise AssertionError("no port is left")


class Field:
    """Starts with a server that runs and an enrolled administrator."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="brigada-cli-")
        self.server = None
        self.port, self.reservation = reserve_port()
        self.address = "127.0.0.1:%d" % self.port
        made = self.serve_command("init", "--organization", "Red", "--address", "127.0.0.1:1", "--name", "localhost",
                                  "--administrator", "admin", "--invitation-file", self.at("admin.inv"))
        assert made.code == 0, made.text
        self.start()
        self.enrol("admin", self.at("admin.inv"))

    def at(self, *names):
        return os.path.join(self.path, *names)

    def close(self):
        if self.server is not None:
            self.stop()
        self.reservation.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def serve_command(self, *arguments, **options):
        return run([SERVER, "--dir", self.at("server"), *arguments], cwd=self.path, **options)

    def start(self, limit=None):
        port_file = self.at("port")
        with open(self.at("server.log"), "ab") as log:
            self.server = subprocess.Popen(
                [SERVER, "--dir", self.at("server"), "serve", "--listen", self.address, "--port-file", port_file],
                stdout=log, stderr=log, env=environment(), preexec_fn=limit, cwd=self.path)
        give_up = time.monotonic() + PATIENCE_S
        while not (os.path.exists(port_file) and read(port_file).strip()):
            assert self.server.poll() is None, read(self.at("server.log"))[-2000:]
            assert time.monotonic() < give_up, "the server does not start"
            time.sleep(0.02)
        os.unlink(port_file)

    def stop(self, how=signal.SIGTERM):
        self.server.send_signal(how)
        self.server.wait(PATIENCE_S)
        self.server = None

    def command(self, user, *arguments):
        return [BRIGADA, "--dir", self.at(user), *arguments]

    def go(self, user, *arguments, **options):
        return run(self.command(user, *arguments), cwd=self.path, **options)

    def enrol(self, user, invitation):
        assert self.go(user, "init").code == 0
        answer = self.go(user, "enrol", "--invitation", self.readdressed(invitation))
        assert answer.code == 0, answer.text
        return answer

    def readdressed(self, invitation):
        """The invitation names the port the server was made for; tests take a free one."""
        return readdress(read(invitation).strip(), self.address)

    def device(self, user, role="organizer", scope=OAXACA):
        invitation = self.at(user + ".inv")
        answer = self.go("admin", "invite", user, "--role", role, "--scope", scope, "--out", invitation)
        assert answer.code == 0, answer.text
        self.enrol(user, invitation)
        assert self.go(user, "sync").code == 0
        return user

    def count(self, user, table, where="1"):
        answer = self.go(user, "--format", "json", "query", "SELECT count(*) AS n FROM %s WHERE %s" % (table, where))
        assert answer.code == 0, answer.text
        return answer.json()[0]["n"]


def readdress(invitation, address):
    """The same invitation for a server at `address`: field 1 of the message is the address."""
    body = invitation[len("BRG1-"):]
    data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    assert data[0] == 0x0A and data[1] < 0x80, "the address is the first field"
    rest = data[2 + data[1]:]
    new = address.encode()
    return "BRG1-" + base64.urlsafe_b64encode(bytes([0x0A, len(new)]) + new + rest).decode()


class FieldTest(unittest.TestCase):
    """Each class has one organization, made once; tests use devices of their own."""

    @classmethod
    def setUpClass(cls):
        cls.field = Field()

    @classmethod
    def tearDownClass(cls):
        cls.field.close()

    def go(self, user, *arguments, code=0, **options):
        answer = self.field.go(user, *arguments, **options)
        self.assertEqual(answer.code, code, "%s\n%s" % (" ".join(arguments), answer.text))
        return answer

    def assert_says(self, answer, *words):
        for word in words:
            self.assertIn(word, answer.text)

    def assert_spanish(self, answer):
        """No sentence of the library's English shows."""
        for word in (" is not ", " is missing", " the ", "no such", "cannot ", " must "):
            self.assertNotIn(word, answer.err)
