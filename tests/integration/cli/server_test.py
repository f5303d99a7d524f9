"""The server as a program: what it lets nobody read, and how it stops and starts."""

import signal
import socket
import ssl
import subprocess
import unittest

from bad_input_test import NEWER_FORMAT
from field import OAXACA, Field, FieldTest, environment, read


class WireTest(FieldTest):
    def handshake(self, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = version
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.field.port), timeout=60) as link:
            with context.wrap_socket(link) as wrapped:
                return wrapped.version()

    def test_nothing_older_than_tls_1_3_is_spoken(self):
        self.assertEqual(self.handshake(ssl.TLSVersion.TLSv1_3), "TLSv1.3")
        # The certificate of a device, with its user's name, would travel in clear.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.handshake(ssl.TLSVersion.TLSv1_2)


class LogTest(FieldTest):
    def test_a_day_in_the_field_leaves_no_personal_data_in_any_log(self):
        secrets = ["Xochiquetzalli", "Ñecohuatl", "5519283746", "quetzal.secreto", "Reunion-reservada", "nota-intima"]
        for user in ("ana", "beto"):
            self.field.device(user)
        said = []

        def go(user, *arguments):
            said.append(self.field.go(user, "--quiet", *arguments).err)

        self.go("ana", "add", "people", "--scope", OAXACA, "--name.given-names", secrets[0], "--name.first-surname",
                secrets[1], "--phones", "+52" + secrets[2], "--emails", secrets[3] + "@ejemplo.mx")
        self.go("ana", "add", "events", "--scope", OAXACA, "--kind", "circle", "--title", secrets[4])
        go("ana", "sync")
        go("beto", "sync")
        person = self.go("ana", "--format", "json", "query", "SELECT id FROM people").json()[0]["id"]
        # A conflict, and work outside the grants.
        for user in ("ana", "beto"):
            go(user, "edit", "people", person, "--notes", secrets[5] + " de " + user)
        go("ana", "add", "people", "--scope", "MX/21/001", "--name.given-names", secrets[0])
        for user in ("ana", "beto", "ana"):
            go(user, "sync")
        go("admin", "query", "--server", "SELECT name_given_names FROM people WHERE name_given_names = '%s'" % secrets[0])
        go("admin", "erase", "people", person, "--yes")
        go("beto", "sync")
        self.assertEqual(self.go("ana", "--format", "json", "status").json()[0]["rejected"], 1)
        self.field.stop()
        log = read(self.field.at("server.log"))
        self.field.start()
        self.assertIn("device enrolled", log)
        for secret in secrets:
            self.assertNotIn(secret, log)
        # What the programs say goes to the person; what they log is one object in a line.
        lines = [line for text in said for line in text.splitlines() if line.startswith("{")]
        for secret in secrets:
            self.assertFalse([line for line in lines if secret in line])


class StopTest(FieldTest):
    def test_sigterm_ends_live_sessions_in_order_and_loses_nothing(self):
        self.field.device("ana")
        self.field.device("beto")
        self.go("ana", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        watch = subprocess.Popen(self.field.command("beto", "sync", "--watch", "--spread", "0"), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=environment())
        try:
            # The watching device holds its store, so the server's log says when its session runs.
            self.go("ana", "sync")
            server = self.field.server
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(120), 0)
            self.field.server = None
            self.assertIsNone(watch.poll())
            self.assertIn("shutting down", read(self.field.at("server.log")))
            self.field.start()
        finally:
            watch.send_signal(signal.SIGINT)
            watch.wait(120)
        self.go("beto", "sync")
        self.assertEqual(self.field.count("beto", "people", "name_given_names = 'Eva'"), 1)


class FormatTest(unittest.TestCase):
    def test_the_store_of_a_later_server_is_refused_and_left_as_it_is(self):
        field = Field()
        try:
            field.device("ana")
            self.assertEqual(field.go("admin", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva").code, 0)
            self.assertEqual(field.go("admin", "sync").code, 0)
            field.stop()
            store = field.at("server", "store")
            subprocess.run([NEWER_FORMAT, store], check=True)
            answer = field.serve_command("serve", "--listen", field.address)
            self.assertEqual(answer.code, 1, answer.text)
            self.assertRegex(answer.err, r"El almacén está en el formato \d+ y este programa lee hasta el \d+\. "
                                         r"Actualice brigada-server; nada se ha perdido\.")
            subprocess.run([NEWER_FORMAT, store, "--undo"], check=True)
            field.start()
            self.assertEqual(field.go("ana", "sync").code, 0)
            self.assertEqual(field.count("ana", "people", "name_given_names = 'Eva'"), 1)
        finally:
            field.close()


if __name__ == "__main__":
    unittest.main()
