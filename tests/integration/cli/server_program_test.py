"""brigada-server as whoever runs it meets it: mistakes, settings, and what it writes to stderr."""

import os
import signal
import subprocess
import time
import unittest

from field import OAXACA, PATIENCE_S, SERVER, Field, FieldTest, environment, read, run


def content(path):
    with open(path, "rb") as file:
        return file.read()


def said(answer):
    """What was said to the person: all but the log's lines."""
    return [line for line in answer.err.splitlines() if line and not line.startswith("{")]


class ServerProgramTest(FieldTest):
    def refused(self, code, words, *command):
        answer = run([SERVER, *command], cwd=self.field.path)
        self.assertEqual(answer.code, code, "%s\n%s" % (" ".join(command), answer.text))
        self.assert_says(answer, *words)
        self.assertEqual(len(said(answer)), 1, answer.err)
        for word in ("required", "expected", "is not", "another", "holds", " the "):
            self.assertNotIn(word, said(answer)[0])

    def test_a_mistake_is_one_sentence_in_the_users_language(self):
        used = ["--dir", self.field.at("server")]
        self.refused(2, ["falta --dir"], "serve")
        self.refused(2, ["Falta un comando", "brigada-server --help"], *used)
        self.refused(2, ["No hay una opción «--lissten»", "--listen"], *used, "serve", "--lissten", "1")
        self.refused(2, ["No hay un comando «sirve»", "serve"], *used, "sirve")
        self.refused(3, ["no tiene una organización", "brigada-server init"], "--dir", "nada", "serve")
        self.refused(3, ["No hay un respaldo en nada"], *used, "restore", "--backup", "nada")
        self.refused(4, ["Otro proceso usa este directorio"], *used, "serve", "--listen", "127.0.0.1:0")
        self.refused(4, ["un servidor usa este directorio"], *used, "invite", "--user", "ana")
        self.refused(1, ["No se pudo hacer el directorio /proc/brigada", "--dir"], "--dir", "/proc/brigada", "init",
                     "--organization", "R", "--address", "a:1", "--administrator", "x")
        self.refused(1, ["ya tiene una organización"], *used, "init", "--organization", "R", "--address", "a:1",
                     "--administrator", "x")

    def test_wrong_values_end_as_usage_errors(self):
        other = ["--dir", self.field.at("otra")]
        begin = [*other, "init", "--organization", "R", "--administrator", "x", "--address"]
        self.refused(2, ["«sinpuerto» no es una dirección"], *begin, "sinpuerto")
        self.assertEqual(run([SERVER, *begin, "127.0.0.1:1"]).code, 0)
        self.refused(2, ["«mala» no es una dirección"], *other, "serve", "--listen", "mala")
        self.refused(4, ["No se puede escuchar en 203.0.113.1:7443", "no es una dirección de esta máquina"], *other,
                     "serve", "--listen", "203.0.113.1:7443")
        self.refused(2, ["no hay un papel «jefe»", "organizer"], *other, "invite", "--user", "ana", "--role", "jefe")
        self.refused(3, ["El catálogo no tiene «MX/99»"], *other, "invite", "--user", "ana", "--scope", "MX/99")
        self.refused(3, ["El catálogo no tiene «Macondo»"], *other, "invite", "--user", "ana", "--scope", "Macondo")
        self.refused(2, ["«MX/20/» no es un ámbito"], *other, "invite", "--user", "ana", "--scope", "MX/20/")
        for number, scope in enumerate(("20067", "MX/20/067", "Oaxaca")):
            answer = run([SERVER, *other, "invite", "--user", "ana%d" % number, "--scope", scope])
            self.assertEqual(answer.code, 0, answer.text)

    def test_a_damaged_key_file_is_named_and_a_copy_of_it_mends_it(self):
        other = ["--dir", self.field.at("claves")]
        self.assertEqual(run([SERVER, *other, "init", "--organization", "R", "--administrator", "x", "--address",
                              "127.0.0.1:1"]).code, 0)
        damages = [("server.key", b"garbage"), ("server.key", b""), ("server.pem", b"-----BEGIN CERTIFICATE-----"),
                   ("cursor.key", b""), ("cursor.key", b"short"), ("ca.key", b"garbage"), ("ca.pem", b"\0\0\0\0")]
        damages += [(name, content(self.field.at("server", name))) for name in ("server.key", "server.pem", "ca.key")]
        for name, damage in damages:
            path = self.field.at("claves", name)
            kept = content(path)
            with open(path, "wb") as file:
                file.write(damage)
            # Not that a program has the port, nor that a backup would help.
            self.refused(1, ["claves/" + name, "Un respaldo no lo tiene", "la copia"], *other, "serve", "--listen",
                         "127.0.0.1:0")
            with open(path, "wb") as file:
                file.write(kept)
        self.assertEqual(run([SERVER, *other, "invite", "--user", "ana"]).code, 0)

    def test_the_help_is_in_the_users_language(self):
        for command in ([], ["serve"], ["init"], ["invite"], ["restore"]):
            answer = run([SERVER, *command, "--help"])
            self.assertEqual(answer.code, 0)
            self.assert_says(answer, "Uso", "Opciones")
            for word in ("Usage", "Options", "Subcommands", "REQUIRED", "Print this"):
                self.assertNotIn(word, answer.text)

    def settings(self, text):
        path = self.field.at("brigada.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_key_that_nobody_reads_is_refused(self):
        used = 'dir = "%s"\n' % self.field.at("server")
        for text, words in ((used + 'listen = "127.0.0.1:0"\n', ["no existe: listen", "[serve]"]),
                            (used + '[serve]\nlissten = "127.0.0.1:0"\n', ["no existe: serve.lissten"]),
                            (used + '[servir]\nlisten = "127.0.0.1:0"\n', ["no existe: servir"]),
                            (used + "[serve]\nmax-sessions = 0\n", ["--max-sessions", "de 1 a"])):
            self.refused(2, words, "--config", self.settings(text), "serve")
        self.refused(2, ["no se puede leer el archivo nada.toml"], *["--dir", self.field.at("server")], "--config",
                     "nada.toml", "serve")

    def test_a_server_runs_by_its_settings_alone(self):
        directory = self.field.at("porarchivo")
        made = run([SERVER, "--dir", directory, "init", "--organization", "R", "--administrator", "x", "--address",
                    "127.0.0.1:1"])
        self.assertEqual(made.code, 0, made.text)
        port_file = self.field.at("porarchivo.port")
        config = self.settings('dir = "%s"\n\n[serve]\nlisten = "127.0.0.1:0"\nport-file = "%s"\nmax-sessions = 5\n' %
                               (directory, port_file))
        server = subprocess.Popen([SERVER, "--config", config, "serve"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env=environment())
        give_up = time.monotonic() + PATIENCE_S
        while not (os.path.exists(port_file) and read(port_file).strip()):
            self.assertIsNone(server.poll())
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.02)
        server.send_signal(signal.SIGTERM)
        self.assertIn("Escuchando en el puerto " + read(port_file).strip(), server.communicate(timeout=60)[1].decode())
        self.assertEqual(server.returncode, 0)

    def test_another_organizations_device_leaves_one_line_there_and_none_here(self):
        self.field.device("beto")
        other = Field()
        try:
            answer = self.go("beto", "sync", "--server", other.address, code=5)
            self.assertEqual(len(answer.err.strip().splitlines()), 1, answer.err)
            other.stop()
            for line in read(other.at("server.log")).splitlines():
                self.assertTrue(line.startswith(("{", "Escuchando")), line)
        finally:
            other.close()


if __name__ == "__main__":
    unittest.main()
