"""Bad input, full disks, broken stores and kills: each says what, where and the way out, and loses nothing."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from field import BRIGADA, OAXACA, PATIENCE_S, Field, FieldTest, environment, read, readdress, run


NEWER_FORMAT = os.environ.get("BRIGADA_NEWER_FORMAT", "brigada-newer-format")


def wait_until(condition, patience_s=60):
    give_up = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError("it never happened")
        time.sleep(0.005)


def answer_with_a_page(listener):
    """A network that wants its users to log in answers for every host, without TLS."""
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link:
            link.recv(4096)
            link.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n")


class WrongWordsTest(FieldTest):
    """Answered before anything is written."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.field.device("ana")

    def tearDown(self):
        self.assertEqual(self.field.count("ana", "people"), 0)

    def refused(self, code, words, *arguments, **options):
        answer = self.go("ana", *arguments, code=code, **options)
        self.assert_says(answer, *words)
        self.assert_spanish(answer)
        self.assertEqual(answer.out, "")

    def test_a_wrong_command_or_flag_names_the_nearest(self):
        self.refused(2, ["No hay un comando «lst»", "list"], "lst")
        self.refused(2, ["No hay un comando «revoke»", "revoke-device o revoke-grant"], "revoke", "x")
        self.refused(2, ["No hay una opción «--serch»", "--search"], "list", "people", "--serch", "x")
        self.refused(2, ["--role: «jefe» no es uno de: kiosk"], "invite", "x", "--role", "jefe", "--scope", OAXACA)
        self.refused(2, ["--limit: «muchos» debe ser un número de 1 a"], "list", "people", "--limit", "muchos")
        self.refused(2, ["--batch: «0» debe ser un número de 1 a 1000"], "import", "people", "x.csv", "--batch", "0")
        self.refused(2, ["falta TIPO"], "list")
        self.refused(2, ["--scope: falta el valor"], "list", "people", "--scope")
        self.refused(2, ["No hay un tipo «peple»", "people"], "list", "peple")
        self.refused(2, ["No hay un tipo «persn»", "¿Quiso decir person?"], "list", "persn")
        self.refused(2, ["No hay un tipo «vista»", "¿Quiso decir visita?"], "list", "vista")
        self.refused(2, ["Falta el tipo antes del identificador"], "edit", "01a2069f-9475-770e-9ed9-9133a4febedb",
                     "--notes", "x")
        self.refused(2, ["El nombre del archivo está vacío"], "enrol", "--invitation", "")

    def test_an_unknown_field_names_the_nearest(self):
        self.refused(2, ["people no tiene el campo «nmae.given-names»", "name.given-names"], "add", "people", "--scope",
                     OAXACA, "--nmae.given-names", "Eva")
        self.refused(2, ["name no tiene el campo «given»"], "add", "people", "--scope", OAXACA, "--json", "-",
                     stdin='{"name": {"given": "Eva"}}')

    def test_malformed_json_tells_line_and_column(self):
        self.refused(2, ["línea 2, columna"], "add", "people", "--scope", OAXACA, "--json", "-", stdin='{\n  nombre: 1}')
        self.refused(2, ["El JSON está mal escrito"], "add", "people", "--scope", OAXACA, "--json", "-",
                     stdin=b'{"notes": "\xff"}')
        self.refused(2, ["[1]: people: phones: se espera un teléfono"], "add", "people", "--scope", OAXACA, "--json", "-",
                     stdin='[{"name": {"given_names": "A"}}, {"name": {"given_names": "B"}, "phones": ["1"]}]')
        self.refused(2, ["un número es demasiado grande", "línea 2, columna 20"], "add", "people", "--scope", OAXACA,
                     "--json", "-", stdin='{"notes": "1e999",\n "registered": 1e999}')
        self.refused(3, ["nada.json", "revise la ruta"], "add", "people", "--scope", OAXACA, "--json", "nada.json")

    def test_an_invalid_value_says_what_is_expected(self):
        start = ["add", "people", "--scope", OAXACA, "--name.given-names", "Eva"]
        self.refused(2, ["phones: se espera un teléfono", "+529511234567"], *start, "--phones", "951")
        self.refused(2, ["emails: se espera un correo", "curp: se espera una CURP"], *start, "--emails", "x", "--curp", "y")
        self.refused(2, ["registered_sex", "female|male|x"], *start, "--registered-sex", "mujer")
        answer = self.go("ana", *start, "--registered-sex", "M", code=2)
        self.assertNotIn("Quiso decir", answer.text)
        self.refused(2, ["position", "de -90 a 90"], "add", "visits", "--scope", OAXACA, "--position", "200,900")
        self.refused(2, ["«notes» está dos veces"], *start, "--json", "-", stdin='{"notes": "a", "notes": "b"}')
        self.refused(2, ["birth_date", "AAAA-MM-DD"], *start, "--birth-date", "1990-13")
        self.refused(2, ["falta name"], "add", "people", "--scope", OAXACA, "--notes", "x")
        for given in ([], ["--name.given-names", "   "]):
            self.refused(2, ["falta name.given_names"], "add", "people", "--scope", OAXACA, "--name.second-surname", "X",
                         *given)
        self.refused(2, ["falta name"], "add", "people", "--scope", OAXACA, "--name.given-names", "\u00a0 ")
        self.refused(2, ["falta title"], "add", "events", "--scope", OAXACA, "--kind", "circle", "--title", "  ")
        self.refused(2, ["name.given_names: pasa de 120 caracteres"], "add", "people", "--scope", OAXACA,
                     "--name.given-names", "x" * 121)
        event = ["add", "events", "--scope", OAXACA, "--title", "Círculo", "--kind", "circle"]
        self.refused(2, ["when.start: se espera una fecha y hora"], *event, "--when.start", "2026-13-40T99:99")
        self.refused(2, ["when.zone: se espera una zona horaria"], *event, "--when.zone", "Marte")
        self.refused(2, ["state: un registro nuevo empieza en planned"], *event, "--state", "held")

    def test_an_unknown_or_unfit_place_says_how_to_find_it(self):
        start = ["add", "people", "--name.given-names", "Eva"]
        self.refused(3, ["El catálogo no tiene «Oaxca»", "brigada territories"], *start, "--municipality", "Oaxca")
        self.refused(3, ["«MX/20/999»", "brigada territories"], *start, "--scope", "MX/20/999")
        self.refused(2, ["2 lugares", "20208", "20209"], *start, "--municipality", "San Juan Mixtepec, Oaxaca")
        self.refused(2, ["«Oaxaca» es un estado"], *start, "--municipality", "Oaxaca")
        self.refused(2, ["no se registra en un lugar de ese nivel"], *start, "--scope", "MX")

    def test_sql_that_writes_never_ends_or_joins_the_world_is_stopped(self):
        endless = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t"
        world = "SELECT count(*) FROM territories a, territories b, territories c"
        for where in ([], ["--server"]):
            self.refused(2, ["solo lee"], "query", *where, "DELETE FROM people")
            self.refused(2, ["no hay una tabla peple"], "query", *where, "SELECT * FROM peple")
            self.refused(2, ["no hay una columna nme"], "query", *where, "SELECT nme FROM people")
            self.refused(2, ["mal escrito cerca de"], "query", *where, "SELEC 1")
            self.refused(1, ["demasiadas filas"], "query", *where, world)
            self.refused(2, ["no puede usar esto: PRAGMA", "un solo SELECT"], "query", *where, "PRAGMA user_version")
            self.refused(2, ["no puede usar la función load_extension", "agregados"], "query", *where,
                         "SELECT load_extension('x')")
        self.refused(2, ["0 signos ?", "1 valores"], "query", "SELECT 1", "--param", "x")
        self.refused(1, ["La consulta pasó de"], "query", endless)

    def test_what_cannot_be_dialled_is_a_mistake_and_no_lost_link(self):
        for server in ("localhost", ":7443", "localhost:99999", "localhost:0", "localhost:x"):
            self.refused(2, ["--server: «%s» no es una dirección" % server], "sync", "--server", server)

    def test_what_the_servers_program_does_is_said_to_be_there(self):
        self.refused(2, ["brigada-server restore"], "restore", "--backup", "x")

    def test_limits_of_a_round_do_not_go_with_a_live_session(self):
        for limit in ("--timeout", "--byte-budget"):
            self.refused(2, ["--timeout y --byte-budget", "--watch"], "sync", "--watch", limit, "5")

    def test_a_result_that_cannot_be_written_is_no_result(self):
        for arguments in (["query", "SELECT 1"], ["list", "people"], ["status"], ["--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(self.field.command("ana", *arguments), stdout=full, stderr=subprocess.PIPE,
                                      env=environment(), check=False)
            said = done.stderr.decode()
            self.assertEqual(done.returncode, 1, said)
            self.assertIn("No se pudo escribir todo el resultado", said)

    def test_words_of_the_library_are_not_shown(self):
        answer = run([BRIGADA, "--dir", "", "status"])
        self.assertEqual(answer.code, 2, answer.text)
        self.assert_says(answer, "El directorio de la réplica está vacío", "--dir")
        self.assertNotIn("Options::path", answer.text)
        self.refused(2, ["sin caracteres de control"], "invite", "a\x01b", "--role", "organizer", "--scope", OAXACA)
        self.refused(3, ["No se puede escribir /nonexistent/x (no existe)", "Revise la ruta"], "rejected", "export",
                     "/nonexistent/x")

    def test_a_decision_is_never_taken_by_default(self):
        self.refused(2, ["falta --take"], "conflicts", "resolve", "0193a5")

    def test_bad_invitations_say_what_is_wrong_with_them(self):
        self.refused(2, ["no es una invitación completa", "BRG1-"], "enrol", "--invitation", "-", stdin="hola")
        self.refused(2, ["Falta la invitación", "--invitation"], "enrol", stdin="")
        for secret in ("RG1-" + 40 * "Cg8xMjcuMC4w", "BRG2-" + 2000 * "Cg8xMjcu"):
            self.refused(2, [secret[:8], "no es un archivo ni una invitación", "BRG1-"], "enrol", "--invitation", secret)
            self.assertNotIn(secret[:20], self.field.go("ana", "enrol", "--invitation", secret).text)
        self.go("otra", "init")
        self.assert_says(self.go("otra", "init"), "Ya había una réplica")
        invitation = self.field.at("una.inv")
        self.go("admin", "invite", "otra", "--role", "organizer", "--scope", OAXACA, "--out", invitation)
        text = readdress(read(invitation).strip(), self.field.address)
        self.go("otra", "enrol", "--invitation", text)
        self.assert_says(self.go("otra", "enrol", "--invitation", text, code=1), "ya está inscrita", "--dir")
        self.go("tercera", "init")
        self.assert_says(self.go("tercera", "enrol", "--invitation", text, code=5), "ya se usó o venció", "Pida otra")
        self.assert_says(self.go("tercera", "enrol", "--invitation", text[:-20], code=2), "no es una invitación completa")


class SpreadsheetTest(FieldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.field.device("ana")

    def test_each_bad_row_is_reported_with_its_line_and_the_rest_goes_in(self):
        rows = self.field.at("mala.csv")
        with open(rows, "wb") as file:
            file.write("name.given-names,municipality\n".encode())
            file.write("Buena,20067\n".encode())
            file.write(b"Mal\xff,20067\n")
            file.write("Larga,20067,sobra\n".encode())
            file.write("Perdida,Atlantis\n".encode())
            file.write(b",20067\n")
            file.write(b"x" * (100 << 20) + b",20067\n")
            file.write("Última,20067\n".encode())
        answer = self.go("ana", "--format", "json", "import", "people", rows, code=6)
        self.assertEqual({name: answer.json()[0][name] for name in ("rows", "imported", "refused")},
                         {"rows": 7, "imported": 2, "refused": 5})
        report = read(self.field.at("refused.csv"))
        for words in ("3,no es UTF-8", "4,tiene 3 columnas y el encabezado 2", "Atlantis", "falta name", "7,la fila pasa"):
            self.assertIn(words, report)
        self.assertLess(len(report), 3 << 20)
        self.assertEqual(self.field.count("ana", "people", "name_given_names IN ('Buena', 'Última')"), 2)

    def test_a_useless_file_is_refused_whole(self):
        for name, content, words in (("vacio.csv", "", "vacío"), ("ajeno.csv", "a,b\n1,2\n", "--map"),
                                     ("sinlugar.csv", "name.given-names\nEva\n", "--scope")):
            with open(self.field.at(name), "w", encoding="utf-8") as file:
                file.write(content)
            self.assert_says(self.go("ana", "import", "people", name, code=2), words)
        self.assert_says(self.go("ana", "import", "people", "nada.csv", "--scope", OAXACA, code=3), "nada.csv",
                         "revise la ruta")
        self.assert_says(self.go("ana", "import", "people", self.field.path, "--scope", OAXACA, code=2), "es una carpeta",
                         "el archivo CSV")


class OutsideTest(FieldTest):
    """The link, other organizations, other processes."""

    def test_no_server_keeps_the_work_and_ends_with_4(self):
        self.field.device("ana")
        self.go("ana", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        answer = self.go("ana", "sync", "--server", "127.0.0.1:1", code=4)
        self.assert_says(answer, "No hay conexión con 127.0.0.1:1", "guardado")
        self.assert_spanish(answer)
        self.assertEqual(self.go("ana", "--format", "json", "status").json()[0]["pending"], 1)

    def test_a_network_that_answers_with_its_own_page_keeps_the_work_and_ends_with_4(self):
        self.field.device("rita")
        self.go("rita", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            portal = threading.Thread(target=answer_with_a_page, args=(listener,), daemon=True)
            portal.start()
            address = "127.0.0.1:%d" % listener.getsockname()[1]
            answer = self.go("rita", "sync", "--server", address, code=4)
            self.assert_says(answer, "no es un servidor de Brigada", address, "guardado")
            self.assert_spanish(answer)
            listener.shutdown(socket.SHUT_RDWR)
            portal.join(PATIENCE_S)
        self.go("rita", "sync")
        self.assertEqual(self.go("rita", "--format", "json", "status").json()[0]["pending"], 0)

    def test_the_server_of_another_organization_is_refused_before_anything_is_sent(self):
        self.field.device("beto")
        self.go("beto", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        other = Field()
        try:
            answer = self.go("beto", "sync", "--server", other.address, code=5)
            self.assert_says(answer, "otra organización", "nada se envió")
            self.assertEqual(other.count("admin", "people"), 0)
        finally:
            other.close()
        self.go("beto", "sync")

    def test_a_replica_opened_twice_says_who_has_it(self):
        self.field.device("carla")
        watch = subprocess.Popen(self.field.command("carla", "sync", "--watch"), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, env=environment())
        try:
            self.assertIn("vivo", watch.stderr.readline().decode())
            answer = self.go("carla", "status", code=4)
            self.assert_says(answer, "Otro proceso tiene abierta esta réplica")
            # Administration and server queries only read the certificate.
            self.go("carla", "query", "--server", "SELECT 1")
        finally:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=60)
        self.assertEqual(watch.returncode, 0)
        self.go("carla", "status")

    def test_a_directory_without_a_replica_says_how_to_make_one(self):
        answer = self.go("nadie", "status", code=3)
        self.assert_says(answer, "No hay una réplica en", "brigada init", "--dir")
        answer = run([BRIGADA, "--dir", "/proc/x", "init"])
        self.assertEqual(answer.code, 1, answer.text)
        self.assert_says(answer, "No se puede crear /proc/x", "--dir")
        self.assert_spanish(answer)
        self.go("sola", "init")
        self.assert_says(self.go("sola", "sync", code=5), "no está inscrito", "brigada enrol")


class DiskTest(unittest.TestCase):
    """Full disks and broken files, of devices alone."""

    def setUp(self):
        self.path = tempfile.mkdtemp(prefix="brigada-disk-")
        self.assertEqual(self.go("init").code, 0)

    def tearDown(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def go(self, *arguments, **options):
        return run([BRIGADA, "--dir", os.path.join(self.path, "d"), *arguments], **options)

    def people(self):
        answer = self.go("--format", "json", "query", "SELECT name_given_names AS n FROM people ORDER BY 1")
        self.assertEqual(answer.code, 0, answer.text)
        return [row["n"] for row in answer.json()]

    def files(self, suffix):
        store = os.path.join(self.path, "d", "store")
        return [os.path.join(store, name) for name in sorted(os.listdir(store)) if name.endswith(suffix)]

    def test_a_disk_that_fills_up_keeps_what_was_confirmed(self):
        self.assertEqual(self.go("add", "people", "--scope", OAXACA, "--name.given-names", "Antes").code, 0)
        rows = os.path.join(self.path, "rows.csv")
        with open(rows, "w", encoding="utf-8") as file:
            file.write("name.given-names,notes\n")
            for i in range(3000):
                file.write("N%04d,%s\n" % (i, "x" * 500))
        full = 600 << 10

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))

        answer = self.go("import", "people", rows, "--scope", OAXACA, "--batch", "100", limit=limit)
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("disco", answer.err)
        self.assertIn("Libere espacio", answer.err)
        before = self.people()
        self.assertIn("Antes", before)
        # With room again the same command goes on where it stopped.
        self.assertEqual(self.go("import", "people", rows, "--scope", OAXACA).code, 0)
        self.assertEqual(self.people(), ["Antes"] + ["N%04d" % i for i in range(3000)])
        self.assertEqual(len(before) % 100, 1)

    def test_a_flipped_byte_is_found_and_the_files_are_left(self):
        for name in ("Uno", "Dos"):
            self.assertEqual(self.go("add", "people", "--scope", OAXACA, "--name.given-names", name).code, 0)
        self.people()
        tables = self.files(".sst") or self.files(".log")
        for path in tables:
            with open(path, "r+b") as file:
                data = file.read()
                if data:
                    file.seek(len(data) // 3)
                    file.write(bytes([data[len(data) // 3] ^ 0x40]))
        before = {path: os.path.getsize(path) for path in tables}
        answer = self.go("query", "SELECT name_given_names FROM people")
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("dañad", answer.err)
        self.assertIn("brigada recover", answer.err)
        self.assertEqual({path: os.path.getsize(path) for path in before}, before)

    def test_a_newer_format_is_refused_and_left_as_it_is(self):
        self.assertEqual(self.go("add", "people", "--scope", OAXACA, "--name.given-names", "Uno").code, 0)
        store = os.path.join(self.path, "d", "store")
        subprocess.run([NEWER_FORMAT, store], check=True)
        answer = self.go("list", "people")
        self.assertEqual(answer.code, 1, answer.text)
        self.assertIn("Actualice brigada; nada se ha perdido", answer.err)
        subprocess.run([NEWER_FORMAT, store, "--undo"], check=True)
        self.assertIn("Uno", self.go("list", "people").out)

    def test_the_store_of_a_server_is_not_taken_for_a_device(self):
        field = Field()
        try:
            field.stop()
            shutil.rmtree(os.path.join(self.path, "d", "store"))
            shutil.copytree(field.at("server", "store"), os.path.join(self.path, "d", "store"))
            answer = self.go("status")
            self.assertEqual(answer.code, 1, answer.text)
            self.assertIn("de un servidor", answer.err)
        finally:
            field.close()


class KillTest(FieldTest):
    def test_an_import_killed_midway_goes_on_without_repeating_a_row(self):
        self.field.device("ana")
        rows = self.field.at("muchos.csv")
        with open(rows, "w", encoding="utf-8") as file:
            file.write("name.given-names\n" + "".join("P%05d\n" % i for i in range(4000)))
        store = self.field.at("ana", "store")

        def size():
            return sum(os.path.getsize(os.path.join(store, name)) for name in os.listdir(store) if name.endswith(".log"))

        command = self.field.command("ana", "--quiet", "import", "people", rows, "--scope", OAXACA, "--batch", "5")
        before = size()
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        wait_until(lambda: size() > before + 40000 or victim.poll() is not None)
        victim.kill()
        victim.wait()
        got = self.field.count("ana", "people")
        self.assertTrue(0 < got < 4000, got)
        answer = self.go("ana", "import", "people", rows, "--scope", OAXACA)
        self.assert_says(answer, "filas ya estaban", "no se repitieron")
        self.assertEqual(self.field.count("ana", "people"), 4000)
        self.assertEqual(self.field.count("ana", "(SELECT DISTINCT name_given_names FROM people)"), 4000)

    def test_client_and_server_killed_in_mid_sync_lose_and_repeat_nothing(self):
        self.field.device("beto")
        self.field.device("carla")
        self.go("beto", "--quiet", "generate", "--scope", OAXACA, "--people", "600", "--fast")
        ledger = self.field.at("server", "store")

        def size():
            return sum(os.path.getsize(os.path.join(ledger, name)) for name in os.listdir(ledger) if name.endswith(".log"))

        for victim_is_server in (False, True):
            before = size()
            sync = subprocess.Popen(self.field.command("beto", "--quiet", "sync"), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env=environment())
            wait_until(lambda: size() > before or sync.poll() is not None)
            if victim_is_server:
                self.field.stop(signal.SIGKILL)
                self.field.start()
            else:
                sync.kill()
            sync.wait(60)
            self.go("beto", "--quiet", "generate", "--scope", OAXACA, "--people", "300", "--seed", "5", "--fast")
        self.go("beto", "sync")
        self.go("carla", "sync")
        self.assertEqual(self.go("beto", "--format", "json", "status").json()[0]["pending"], 0)
        for user in ("beto", "carla"):
            self.assertEqual(self.field.count(user, "people"), 1200)
        self.assertEqual(self.go("admin", "--format", "json", "query", "--server",
                                 "SELECT count(*) AS n FROM people").json(), [{"n": 1200}])


class FullServerTest(FieldTest):
    def test_a_server_whose_disk_fails_takes_nothing_and_goes_on_by_itself_once_it_is_mended(self):
        self.field.device("ana")
        self.go("ana", "--quiet", "generate", "--scope", OAXACA, "--people", "2000", "--fast")
        self.field.stop()
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150 << 10, unlimited[1]))

        self.field.start(limit=limit)
        server = self.field.server.pid
        answer = self.field.go("ana", "sync", "--timeout", "9")
        self.assertIn(answer.code, (1, 4), answer.text)
        self.assert_says(answer, "servidor")
        self.assert_spanish(answer)
        resource.prlimit(server, resource.RLIMIT_FSIZE, unlimited)
        while self.field.go("ana", "sync", "--timeout", "9").code != 0:
            self.assertIsNone(self.field.server.poll())
        self.assertEqual(self.field.server.pid, server)
        self.assertEqual(self.go("ana", "--format", "json", "status").json()[0]["pending"], 0)
        self.assertEqual(self.go("admin", "--format", "json", "query", "--server",
                                 "SELECT count(*) AS n FROM people").json(), [{"n": 2000}])


if __name__ == "__main__":
    unittest.main()
