"""The whole command line as a new user plays it: every command, on a real server."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from field import MIXTEPEC, OAXACA, FieldTest, environment, run, BRIGADA


# RFC 3339, UTC.
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


class RecordsTest(FieldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.field.device("ana")

    def add_person(self, given, surname="Luna", scope=OAXACA):
        return self.go("ana", "--quiet", "add", "people", "--scope", scope, "--name.given-names", given,
                       "--name.first-surname", surname).id

    def test_a_record_of_every_type_is_added_by_flags_and_shown(self):
        person = self.add_person("Rosa")
        event = self.go("ana", "add", "events", "--scope", OAXACA, "--kind", "circle", "--title", "Círculo").id
        visit = self.go("ana", "add", "visits", "--scope", OAXACA, "--person", person, "--outcome", "contact", "--at",
                        "now").id
        attendance = self.go("ana", "add", "attendances", "--event", event, "--person", person, "--state",
                             "attended").id
        count = self.go("ana", "add", "headcounts", "--scope", OAXACA, "--event", event, "--total", "40").id
        for kind, identifier in (("people", person), ("events", event), ("visits", visit),
                                 ("attendances", attendance), ("headcounts", count)):
            self.assertEqual(self.go("ana", "--format", "json", "show", kind, identifier).json()["id"], identifier)
            self.assertIn(identifier, self.go("ana", "list", kind).out)
        self.assert_says(self.go("ana", "edit", "visits", visit, "--notes", "otra", code=2), "una sola vez", "--corrects")
        self.assert_says(self.go("ana", "delete", "visits", visit, code=1), "una sola vez", "--corrects")
        head, row = self.go("ana", "--format", "csv", "show", "visits", visit).out.splitlines()
        values = dict(zip(head.split(","), row.split(",")))
        self.assertRegex(values["created_at"], TIME)
        self.assertEqual((values["created_by"], values["scope"], values["pending"]), ("ana", OAXACA, "1"))

    def test_types_go_by_their_spanish_names_too(self):
        person = self.add_person("Irma")
        self.assert_says(self.go("ana", "show", "persona", person), "Irma")
        self.assert_says(self.go("ana", "list", "personas"), person)

    def test_json_adds_edits_and_empties(self):
        person = self.go("ana", "add", "people", "--scope", OAXACA, "--json", "-",
                         stdin='{"name": {"given_names": "Lía"}, "notes": "x"}').id
        self.go("ana", "edit", "people", person, "--json", "-", stdin='{"notes": null, "phones": ["+529511234567"]}')
        record = self.go("ana", "--format", "json", "show", "people", person).json()["record"]
        self.assertTrue(record.pop("folio").startswith("OAX-"))
        self.assertEqual(record, {"name": {"given_names": "Lía"}, "phones": ["+529511234567"]})

    def test_fields_and_place_of_one_edit_are_one_change_set(self):
        person = self.add_person("Mudada")
        before = self.go("ana", "--format", "json", "status").json()[0]["pending"]
        self.go("ana", "edit", "people", person, "--notes", "se mudó", "--scope", "MX/20/068")
        after = self.go("ana", "--format", "json", "status").json()[0]["pending"]
        self.assertEqual(after - before, 1)
        shown = self.go("ana", "--format", "json", "show", "people", person).json()
        self.assertEqual((shown["scope"], shown["record"]["notes"]), ("MX/20/068", "se mudó"))

    def test_a_reference_is_given_by_the_beginning_of_an_id(self):
        person = self.add_person("Prefija")
        visit = self.go("ana", "add", "visits", "--scope", OAXACA, "--person", person[:30], "--outcome", "contact",
                        "--at", "now").id
        self.assertEqual(self.go("ana", "--format", "json", "show", "visits", visit).json()["record"]["person"],
                         person)

    def test_a_reference_is_given_by_words_that_one_record_holds(self):
        person = self.add_person("Xóchitl", "Únicapellido")
        visit = self.go("ana", "add", "visits", "--scope", OAXACA, "--json", "-", stdin=
                        '{"person": "xochitl unica", "outcome": "contact", "at": "now"}').id
        self.assertEqual(self.go("ana", "--format", "json", "show", "visits", visit).json()["record"]["person"],
                         person)

    def test_ambiguous_words_list_the_candidates(self):
        ids = [self.add_person("Gemela", "Repetida") for _ in range(2)]
        answer = self.go("ana", "add", "visits", "--scope", OAXACA, "--person", "gemela repetida", "--outcome",
                         "contact", "--at", "now", code=2)
        self.assert_says(answer, "Gemela", *ids)
        self.assertNotIn("\\n", answer.err)
        self.assertEqual(len(answer.err.strip().splitlines()), 1)

    def test_an_id_as_a_cut_table_shows_it_is_pasted_back(self):
        person = self.add_person("Cortada")
        self.assert_says(self.go("ana", "show", "people", person[:34] + "…"), "Cortada")

    def test_delete_wants_an_id_and_a_deleted_record_is_not_found(self):
        person = self.add_person("Borrable")
        self.assert_says(self.go("ana", "delete", "people", "borrable", code=2), "identificador")
        self.go("ana", "delete", "people", person)
        answer = self.go("ana", "show", "people", person, code=3)
        self.assert_says(answer, person)
        self.assert_spanish(answer)

    def test_nobody_else_reads_what_the_programs_write(self):
        def open_to_all():
            os.umask(0)
        self.go("zoe", "init", limit=open_to_all)
        self.go("zoe", "add", "people", "--scope", OAXACA, "--name.given-names", "Zoe", limit=open_to_all)
        for place in (self.field.at("zoe"), self.field.at("server")):
            for folder, _, files in os.walk(place):
                for path in [folder, *(os.path.join(folder, name) for name in files)]:
                    self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)

    def test_work_outside_the_grants_is_taken_with_a_warning(self):
        answer = self.go("ana", "add", "people", "--scope", MIXTEPEC, "--name.given-names", "Lejos")
        self.assert_says(answer, "sus permisos no cubren MX/20/208")
        made = self.go("ana", "generate", "--scope", MIXTEPEC, "--people", "2")
        self.assert_says(made, "sus permisos no cubren MX/20/208")
        rows = self.field.at("lejos.csv")
        with open(rows, "w", encoding="utf-8") as file:
            file.write("name.given-names,municipality\nUna,20208\nDos,20067\nTres,20570\n")
        answer = self.go("ana", "import", "people", rows)
        self.assert_says(answer, "no dejan escribir 2 de las filas", "la primera, en MX/20/208")
        self.assertNotIn("Ojo", self.go("ana", "import", "people", rows).text)

    def test_work_that_the_role_does_not_write_is_taken_with_a_warning(self):
        self.field.device("aldo", role="auditor")
        answer = self.go("aldo", "add", "people", "--scope", OAXACA, "--name.given-names", "Ajena")
        self.assert_says(answer, "su papel no escribe people en MX/20/067")
        self.assert_says(self.go("aldo", "generate", "--scope", OAXACA, "--people", "1"), "su papel no escribe people")

    def test_generate_makes_whom_it_needs(self):
        self.field.device("gema", scope="MX/20/570")
        made = self.go("gema", "--format", "json", "generate", "--scope", "MX/20/570", "--visits", "9",
                       "--attendances", "5").json()[0]
        self.assertEqual((made["visits"], made["attendances"]), (9, 5))
        self.assertEqual(self.field.count("gema", "people"), made["people"])
        self.go("gema", "generate", "--scope", "MX/20/570", "--attendances", "1", code=2 if made["people"] == 5 else 0)

    def test_every_command_has_help_with_examples_in_both_languages(self):
        commands = [["init"], ["enrol"], ["add"], ["edit"], ["show"], ["delete"], ["list"], ["import"], ["sync"],
                    ["log"], ["status"], ["conflicts"], ["conflicts", "show"], ["conflicts", "resolve"], ["rejected"],
                    ["rejected", "show"], ["rejected", "edit"], ["rejected", "retry"], ["rejected", "discard"],
                    ["rejected", "export"], ["query"], ["territories"], ["verify"], ["recover"], ["generate"], ["invite"], ["devices"],
                    ["revoke-device"], ["grant"], ["revoke-grant"], ["grants"], ["backup"], ["quarantine"],
                    ["quarantine", "show"], ["quarantine", "release"]]
        for lang, word in (("es", "Ejemplos:"), ("en", "Examples:")):
            for command in commands:
                answer = run([BRIGADA, *command, "--help"], lang=lang)
                self.assertEqual(answer.code, 0, command)
                self.assertIn(word, answer.out, command)
        people = run([BRIGADA, "add", "people", "--help"]).out.splitlines()
        marked = [line.split()[0] for line in people if line.startswith("  --") and "obligatori" in line]
        self.assertEqual(marked, ["--name.given-names"])
        for name in ("personas", "person", "persona", "Person"):
            self.assertEqual(run([BRIGADA, "add", name, "--help"]).out.splitlines(), people)
        spanish = run([BRIGADA, "import", "--help"]).out
        for word in ("Options:", "TEXT ", "Usage"):
            self.assertNotIn(word, spanish)

    def test_the_locale_chooses_the_language(self):
        self.assert_says(self.go("ana", "show", "people", "ffff", code=3), "aquí no hay")
        self.assert_says(self.go("ana", "show", "people", "ffff", code=3, lang="en"), "there is no")
        self.assert_says(self.go("ana", "--lang", "en", "show", "people", "ffff", code=3), "there is no")


class ImportTest(FieldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.field.device("ana")

    def write(self, name, text):
        path = self.field.at(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_file_goes_in_with_a_mapping_and_a_report_of_refused_rows(self):
        rows = self.write("padron.csv", "Nombre,Apellido,Sexo,Tel\nEva,Luna,M,+529511234567\nLeo,Ríos,H,951\n")
        rules = self.write("padron.map", "Nombre=name.given-names\nApellido=name.first-surname\n")
        report = self.field.at("no-entraron.csv")
        answer = self.go("ana", "import", "people", rows, "--scope", OAXACA, "--map-file", rules, "--map",
                         "Sexo=registered_sex{H=male,M=female}", "--map", "Tel=phones", "--refused", report, code=6)
        self.assert_says(answer, report)
        with open(report, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('3,"people: phones: se espera un teléfono', text)
        self.assertIn("Leo,Ríos,H,951", text)

    def test_stdin_goes_in(self):
        before = self.field.count("ana", "people")
        self.go("ana", "import", "people", "-", "--scope", OAXACA, stdin="name.given-names\nEstela\nElías\n")
        self.assertEqual(self.field.count("ana", "people"), before + 2)

    def test_the_same_import_again_repeats_nothing_and_says_so(self):
        rows = self.write("dos.csv", "name.given-names\nUno\nDos\n")
        self.go("ana", "import", "people", rows, "--scope", OAXACA)
        before = self.field.count("ana", "people")
        answer = self.go("ana", "import", "people", rows, "--scope", OAXACA)
        self.assert_says(answer, "2 filas ya estaban", "--again")
        self.assertEqual(self.field.count("ana", "people"), before)
        self.go("ana", "import", "people", rows, "--scope", OAXACA, "--again")
        self.assertEqual(self.field.count("ana", "people"), before + 2)

    def test_a_refused_row_is_corrected_in_its_file_or_in_the_first_one(self):
        before = self.field.count("ana", "people")
        text = "name.given-names,phones\nBuena,\nMala,nada\nMejor,+529511234567\nPeor,nada\n"
        rows = self.write("tres.csv", text)
        report = self.field.at("tres-refused.csv")
        answer = self.go("ana", "import", "people", rows, "--scope", OAXACA, "--refused", report, code=6)
        self.assert_says(answer, "2 filas no entraron", report, "el mismo comando con ese archivo")
        with open(report, encoding="utf-8") as file:
            refused = file.read()
        corrected = self.write("tres-refused.csv", refused.replace("Mala,nada", "Mala,+529511234568"))
        answer = self.go("ana", "import", "people", corrected, "--scope", OAXACA, code=6)
        self.assertNotIn("sin destino", answer.text)
        self.assertEqual(self.field.count("ana", "people"), before + 3)
        rows = self.write("tres.csv", text.replace("Mala,nada", "Mala,+529511234568").replace("Peor,nada", "Peor,"))
        answer = self.go("ana", "--format", "json", "import", "people", rows, "--scope", OAXACA)
        self.assertEqual((answer.json()[0]["already"], answer.json()[0]["imported"]), (3, 1))
        self.assertEqual(self.field.count("ana", "people"), before + 4)

    def test_an_import_brings_nobody_back_who_was_deleted(self):
        rows = self.write("borrada.csv", "name.given-names\nSigue\nSeva\n")
        self.go("ana", "import", "people", rows, "--scope", OAXACA)
        gone = self.go("ana", "--format", "json", "query", "SELECT id FROM people WHERE name_given_names = 'Seva'").json()
        self.go("ana", "delete", "people", gone[0]["id"])
        for sync in (False, True):
            if sync:
                self.go("ana", "sync")
            answer = self.go("ana", "import", "people", rows, "--scope", OAXACA)
            self.assert_says(answer, "2 filas ya estaban", "1 de ellas se borró")
            self.assertEqual(self.field.count("ana", "people", "name_given_names = 'Seva'"), 0)
        self.go("ana", "import", "people", rows, "--scope", OAXACA, "--again")
        self.assertEqual(self.field.count("ana", "people", "name_given_names = 'Seva'"), 1)

    def test_equal_rows_of_one_file_are_two_people(self):
        rows = self.write("tocayos.csv", "name.given-names,name.first-surname\nJuan,Cruz\nJuan,Cruz\n")
        before = self.field.count("ana", "people")
        self.go("ana", "import", "people", rows, "--scope", OAXACA)
        self.assertEqual(self.field.count("ana", "people"), before + 2)

    def test_a_check_in_told_twice_is_one_attendance_with_both_marks(self):
        person = self.go("ana", "add", "people", "--scope", OAXACA, "--name.given-names", "Asiste").id
        event = self.go("ana", "add", "events", "--scope", OAXACA, "--kind", "table", "--title", "Mesa").id
        head = "event,person,state,marks\n"
        first = self.write("a.csv", head + "%s,%s,registered,list\n" % (event, person))
        second = self.write("b.csv", head + ("%s,%s,attended,qr\n" % (event, person)) * 2)
        for rows in (first, second):
            self.go("ana", "import", "attendances", rows, "--scope", OAXACA)
        found = self.go("ana", "--format", "json", "query", "SELECT id, state FROM attendances WHERE person = ?",
                        "--param", person).json()
        self.assertEqual([row["state"] for row in found], ["attended"])
        record = self.go("ana", "--format", "json", "show", "attendances", found[0]["id"]).json()["record"]
        self.assertEqual(sorted(record["marks"]), ["list", "qr"])


class SyncTest(FieldTest):
    def test_status_says_in_a_sentence_where_one_stands(self):
        self.go("nueva", "init")
        self.assert_says(self.go("nueva", "status"), "aún no está inscrito", "brigada enrol")
        self.go("nueva", "sync", code=5)
        self.assert_says(self.go("nueva", "status"), "La última sincronización falló", "no está inscrito")
        path = self.field.at("nueva.inv")
        made = self.go("admin", "invite", "nueva", "--role", "organizer", "--scope", OAXACA, "--valid-days", "1", "--out",
                       path)
        self.assert_says(made, "vence en 1 día:")
        self.go("nueva", "enrol", "--invitation", self.field.readdressed(path))
        answer = self.go("nueva", "status")
        self.assertNotIn("inscrito", answer.text)
        self.assert_says(answer, "Listo para la primera sincronización")
        self.field.device("ana")
        self.assert_says(self.go("ana", "status"), "nada espera")
        self.go("ana", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        self.assert_says(self.go("ana", "status"), "Falta enviar 1 cambio", "brigada sync")
        self.go("ana", "sync", "--server", "127.0.0.1:1", code=4)
        answer = self.go("ana", "status")
        self.assert_says(answer, "La última sincronización falló", "No hay conexión con 127.0.0.1:1")
        self.assert_spanish(answer)
        self.go("ana", "sync")
        self.assert_says(self.go("ana", "status"), "nada espera")

    def test_status_is_typed_for_programs(self):
        self.field.device("pati")
        self.go("pati", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        status = self.go("pati", "--format", "json", "status").json()[0]
        self.assertIs(status["consistent"], True)
        self.assertEqual(status["grants"], [{"role": "organizer", "scopes": [OAXACA]}])
        self.assertRegex(status["last_success"], TIME)
        self.assertRegex(status["oldest_pending"], TIME)
        for name in ("last_error_code", "last_error", "last_error_at", "last_mismatch"):
            self.assertIsNone(status[name])
        for lang, words in (("es", "No hay conexión"), ("en", "no connection")):
            self.go("pati", "sync", "--server", "127.0.0.1:1", code=4)
            failed = self.go("pati", "--format", "json", "status", lang=lang).json()[0]
            self.assertEqual(failed["last_error_code"], "UNAVAILABLE")
            self.assertIn(words.lower(), failed["last_error"].lower())
            self.assertRegex(failed["last_error_at"], TIME)
        head, row = self.go("pati", "--format", "csv", "status").out.splitlines()
        values = dict(zip(head.split(","), row.split(",")))
        self.assertEqual((values["grants"], values["consistent"]), ("organizer@MX/20/067", "1"))
        self.assertRegex(values["last_success"], TIME)

    def test_a_live_session_that_cannot_help_itself_ends(self):
        self.go("suelta", "init")
        self.assert_says(self.go("suelta", "sync", "--watch", "--spread", "0", code=5), "no está inscrito", "brigada enrol")
        self.field.device("baja")
        listed = self.go("admin", "--format", "json", "devices").json()
        self.go("admin", "revoke-device", next(row["replica"] for row in listed if row["user"] == "baja"))
        self.assert_says(self.go("baja", "sync", "--watch", "--spread", "0", code=5), "dio de baja este dispositivo")
        self.assertEqual(self.go("baja", "--format", "json", "status").json()[0]["last_error_code"], "REVOKED")

    def test_a_live_session_that_no_terminal_watches_begins_at_some_time_of_its_spread(self):
        self.go("lejos", "init")
        watch = subprocess.Popen(self.field.command("lejos", "sync", "--watch", "--spread", "86400"),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        try:
            self.assertIn("en vivo", watch.stderr.readline().decode())
            # A first try would end it: the device is not enrolled.
            self.assertIn("en espera del próximo intento", watch.stderr.readline().decode())
        finally:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=120)
        self.assertEqual(watch.returncode, 0)

    def test_a_sync_tells_what_became_of_each_change_set(self):
        for user in ("nora", "omar"):
            self.field.device(user, scope="MX/20/551")
        person = self.go("nora", "add", "people", "--scope", "MX/20/551", "--name.given-names", "Eva").id
        answer = self.go("nora", "sync")
        self.assert_says(answer, "Qué fue de sus cambios: 1 aplicado")
        self.assert_spanish(answer)
        self.go("omar", "sync")
        for user, name in (("nora", "Eva Luz"), ("omar", "Eva Sol")):
            self.go(user, "edit", "people", person, "--name.given-names", name)
        self.go("omar", "add", "people", "--scope", MIXTEPEC, "--name.given-names", "Fuera")
        self.go("nora", "sync")
        answer = self.go("omar", "sync")
        self.assert_says(answer, "Qué fue de sus cambios: 1 junto con lo que otra persona escribió a la vez, 1 no "
                         "aceptado", "MX/20:1", person, "alguien debe decidir: brigada conflicts show ", "MX/20:2",
                         "no se aceptó registrar people", "usted no tiene permiso en ese lugar",
                         "brigada rejected retry MX/20:2")
        self.assert_spanish(answer)
        conflict = answer.text.split("brigada conflicts show ")[1].split(".")[0]
        self.assert_says(self.go("omar", "conflicts", "show", conflict), "Eva Luz", "Eva Sol")
        # Told once by the sync, and by the log for as long as it is kept.
        self.assertNotIn("Qué fue", self.go("omar", "sync").text)
        self.assert_says(self.go("omar", "log"), "MX/20:1", conflict, "MX/20:2", "no se aceptó registrar people")
        rows = self.go("omar", "--format", "json", "log", "--limit", "1").json()
        self.assertEqual([(row["number"], row["outcome"]) for row in rows], [("MX/20:2", "rejected")])
        self.assertRegex(rows[0]["made_at"], TIME)
        self.assert_says(self.go("nora", "log"), "MX/20:1: aplicado: registrar people " + person)
        self.assert_says(self.go("omar", "status"), "Guardado por si el servidor lo pierde", "2 cambios", "400 días")
        status = self.go("omar", "--format", "json", "status").json()[0]
        self.assertEqual((status["retained"], status["retained_days_max"], status["stalled"]), (2, 400, None))
        self.assert_says(self.go("omar", "log", lang="en"), "it was not accepted to register people")

    def test_rejected_work_is_told_kept_corrected_and_sent_again(self):
        self.field.device("carla")
        self.go("carla", "add", "people", "--scope", MIXTEPEC, "--name.given-names", "Fuera")
        answer = self.go("carla", "sync", "--strict", code=6)
        self.assert_says(answer, "El servidor no aceptó 1 cambio", "brigada rejected")
        listed = self.go("carla", "rejected")
        self.assert_says(listed, "MX/20:1", "no se aceptó registrar people", "usted no tiene permiso en ese lugar",
                         "San Juan Mixtepec", "Espera un permiso", "brigada rejected retry MX/20:1")
        self.assert_spanish(listed)
        row = self.go("carla", "--format", "json", "rejected").json()[0]
        self.assertEqual((row["waits_for_grant"], row["depends_on"]), (1, ""))
        self.assert_says(self.go("carla", "rejected", "show", "MX/20:1"), '"given_names":"Fuera"')
        self.go("carla", "rejected", "export", self.field.at("r.json"))
        self.assert_says(self.go("carla", "rejected", "export", self.field.at("r.json"), code=1), "ya existe")
        self.go("carla", "rejected", "retry", "1")
        self.go("carla", "sync", "--strict", code=6)
        self.go("carla", "rejected", "edit", "MX/20:2", "--scope", OAXACA, "--notes", "ya")
        self.go("carla", "sync", "--strict")
        self.assertEqual(self.field.count("carla", "people", "scope = 'MX/20/067' AND notes = 'ya'"), 1)
        self.assert_says(self.go("carla", "rejected"), "aceptó todo")

    def test_refused_work_names_what_it_depends_on(self):
        self.field.device("carmela")
        person = self.go("carmela", "add", "people", "--scope", MIXTEPEC, "--name.given-names", "Fuera").id
        self.go("carmela", "edit", "people", person, "--notes", "luego")
        self.go("carmela", "sync", "--strict", code=6)
        listed = self.go("carmela", "rejected")
        self.assert_says(listed, "MX/20:2", "Depende de MX/20:1", "este se envía con él")
        self.assert_spanish(listed)
        rows = self.go("carmela", "--format", "json", "rejected").json()
        self.assertEqual([row["depends_on"] for row in rows], ["", "MX/20:1"])

    def test_a_new_record_gets_a_folio_by_which_it_is_found(self):
        self.field.device("folios")
        made = self.go("folios", "add", "people", "--scope", OAXACA, "--name.given-names", "Ana")
        self.assertRegex(made.err, r"Folio OAX-[0-9A-HJKMNP-TV-Z]{4}-000001")
        folio = made.err.split("Folio ")[1].split()[0]
        shown = self.go("folios", "--format", "json", "show", "people", folio.lower()).json()
        self.assertEqual(shown["record"]["folio"], folio)
        event = self.go("folios", "--format", "json", "add", "events", "--scope", OAXACA, "--kind", "table",
                        "--title", "Mesa").json()
        self.assertTrue(event["folio"].endswith("-000002"), event)
        self.go("folios", "sync", "--strict")
        self.go("folios", "edit", "people", folio, "--notes", "ya")
        rows = self.go("folios", "--format", "json", "query",
                       "SELECT folio, notes FROM people WHERE created_by = 'folios'").json()
        self.assertEqual(rows, [{"folio": folio, "notes": "ya"}])

    def test_the_store_is_checked_and_damage_is_told(self):
        self.field.device("revisora")
        person = self.go("revisora", "add", "people", "--scope", OAXACA, "--name.given-names", "Ana").id
        sound = self.go("revisora", "--format", "json", "verify")
        self.assertEqual(sound.json()[0]["damages"], 0)
        self.assert_says(sound, "Todo está completo")
        self.go("revisora", "status")
        store = self.field.at("revisora", "store")
        tables = [name for name in os.listdir(store) if name.endswith(".sst")]
        self.assertTrue(tables)
        with open(os.path.join(store, tables[0]), "r+b") as file:
            file.seek(20)
            byte = file.read(1)
            file.seek(20)
            file.write(bytes([byte[0] ^ 32]))
        answer = self.go("revisora", "verify", code=1)
        # Which table it is decides whether the opening or the check meets it, and whose words follow.
        self.assert_says(answer, "brigada recover")
        # And it is mended: what was not sent is there, once, and goes on its way.
        recovered = self.go("revisora", "--format", "json", "recover")
        self.assertEqual([recovered.json()[0][name] for name in ("unsent", "lost", "whole")], [1, 0, 1])
        self.assertTrue(os.path.isdir(recovered.json()[0]["damaged_path"]))
        self.assertEqual(self.go("revisora", "--format", "json", "verify").json()[0]["damages"], 0)
        self.go("revisora", "show", "people", person)
        self.go("revisora", "sync", "--strict")
        self.assertEqual(self.go("revisora", "--format", "json", "status").json()[0]["pending"], 0)
        self.assert_says(self.go("revisora", "recover", code=1), "nada que recuperar")

    def test_a_conflict_is_told_shown_and_decided(self):
        self.field.device("uno", scope="MX/20/570")
        self.field.device("dos", scope="MX/20/570")
        person = self.go("uno", "add", "people", "--scope", "MX/20/570", "--name.given-names", "Sol").id
        self.go("uno", "sync")
        self.go("dos", "sync")
        self.go("uno", "edit", "people", person, "--name.first-surname", "Pérez")
        self.go("dos", "edit", "people", person, "--name.given-names", "María Sol")
        for user in ("uno", "dos", "uno"):
            self.go(user, "sync")
        listed = self.go("uno", "conflicts")
        self.assert_says(listed, "«name» de people «", "se escribió a la vez de 2 maneras", "Pérez", "María Sol", "dos")
        first = self.go("uno", "--format", "json", "conflicts").json()[0]
        conflict = first["conflict"]
        self.assert_says(listed, "brigada conflicts resolve %s --take %s" % (conflict, first["take"]))
        self.assert_says(self.go("uno", "conflicts", "show", conflict), "Pérez")
        self.assert_says(self.go("uno", "conflicts", "resolve", conflict, "--take", "9", code=2), "0 a 1")
        self.assert_says(self.go("uno", "conflicts", "resolve", conflict, "--take", "1", code=2), "conflicts show")
        self.assert_says(self.go("uno", "conflicts", "resolve", conflict, "--take", "1-000000", code=1), "cambió")
        take = self.go("uno", "--format", "json", "conflicts").json()[1]["take"]
        self.go("uno", "conflicts", "resolve", conflict, "--take", take)
        again = self.go("uno", "conflicts", "resolve", conflict, "--take", take, code=1)
        self.assert_says(again, "ya lo decidió usted aquí", "brigada sync", "brigada edit")
        listed = self.go("uno", "conflicts")
        self.assert_says(listed, "Usted ya lo decidió", "brigada sync")
        self.assertNotIn("--take", listed.out)
        self.go("uno", "sync", "--strict")
        self.assert_says(self.go("uno", "conflicts"), "Nada espera decisión")

    def test_an_event_that_is_moved_and_cancelled_at_once_is_told_and_decided(self):
        for user in ("cinco", "seis"):
            self.field.device(user, scope="MX/20/570")
        event = self.go("cinco", "add", "events", "--scope", "MX/20/570", "--kind", "table", "--title", "Mesa",
                        "--when.start", "2026-11-27T18:00", "--when.zone", "America/Mexico_City").id
        self.assert_says(self.go("cinco", "show", "events", event), "planned")
        self.go("cinco", "sync")
        self.go("seis", "sync")
        self.go("cinco", "edit", "events", event, "--when.start", "2026-12-04T18:00")
        self.go("seis", "edit", "events", event, "--state", "cancelled")
        for user in ("cinco", "seis", "cinco"):
            self.go(user, "sync")
        self.assert_says(self.go("cinco", "conflicts"), "alguien cambió a la vez «when»", "cancelled", "planned")
        rows = self.go("cinco", "--format", "json", "conflicts").json()
        planned = [row["take"] for row in rows if row["value"] == "planned"]
        self.go("cinco", "conflicts", "resolve", rows[0]["conflict"], "--take", planned[0])
        self.go("cinco", "sync", "--strict")
        shown = self.go("cinco", "show", "events", event)
        self.assert_says(shown, "planned", "2026-12-0")

    def test_conflicts_of_a_deleted_record_are_decided(self):
        for user in ("tres", "cuatro"):
            self.field.device(user, scope="MX/20/570")
        person = self.go("tres", "add", "people", "--scope", "MX/20/570", "--name.given-names", "Luz").id
        self.go("tres", "sync")
        self.go("cuatro", "sync")
        self.go("tres", "edit", "people", person, "--notes", "una")
        self.go("cuatro", "edit", "people", person, "--notes", "otra")
        for user in ("tres", "cuatro", "tres"):
            self.go(user, "sync")
        # Deleted while somebody edits it: one conflict of the notes stays, one of the whole record opens.
        self.go("tres", "delete", "people", person)
        self.go("cuatro", "edit", "people", person, "--name.first-surname", "Ruiz")
        for user in ("tres", "cuatro", "tres"):
            self.go(user, "sync")
        listed = self.go("tres", "--format", "json", "conflicts").json()
        of_notes = [row for row in listed if row["field"] == "notes"]
        of_all = [row for row in listed if row["field"] != "notes"]
        self.assertTrue(of_notes and of_all, listed)
        lost = self.go("tres", "conflicts", "resolve", of_notes[0]["conflict"], "--take", of_notes[1]["take"], code=1)
        self.assert_says(lost, "se borró", "opción 0")
        for rows in (of_notes, of_all):
            self.go("tres", "conflicts", "resolve", rows[0]["conflict"], "--take", rows[0]["take"])
        self.go("tres", "sync", "--strict")
        self.assert_says(self.go("tres", "conflicts"), "Nada espera decisión")
        self.go("tres", "show", "people", person, code=3)
        self.go("cuatro", "sync")
        self.assert_says(self.go("cuatro", "conflicts"), "Nada espera decisión")

    def test_query_answers_here_and_on_the_server_in_three_forms(self):
        self.field.device("beto")
        self.go("beto", "add", "people", "--scope", OAXACA, "--name.given-names", "=Eva")
        self.go("beto", "sync")
        sql = "SELECT name_given_names AS n FROM people WHERE created_by = 'beto'"
        for where in ([], ["--server"]):
            self.assertEqual(self.go("beto", "--format", "json", "query", *where, sql).json(), [{"n": "=Eva"}])
            self.assertIn("'=Eva", self.go("beto", "--format", "csv", "query", *where, sql).out)
            self.assertIn("=Eva", self.go("beto", "query", *where, sql).out)

    def test_an_answer_that_the_limit_cut_is_not_taken_for_all(self):
        self.field.device("larga")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n"
        for where, cut, whole, limit in ((["--server", "--max-rows", "2"], 3, 2, 2), ([], 1000001, 1000000, 1000000)):
            answer = self.go("larga", "--quiet", "--format", "csv", "query", *where, numbers % cut, code=6)
            self.assertEqual(len(answer.out.splitlines()), limit + 1)
            self.assertIn("La respuesta no está completa: el límite la cortó en %d filas" % limit, answer.err)
            self.assertEqual(self.go("larga", "--quiet", "--format", "csv", "query", *where, numbers % whole).err, "")

    def test_a_person_moves_to_another_state_by_an_edit_of_the_place(self):
        self.field.device("mudanza", role="coordinator", scope="20")
        self.go("admin", "grant", "mudanza", "--role", "coordinator", "--scope", "21")
        self.field.device("puebla", scope="21140")
        self.go("mudanza", "add", "people", "--scope", OAXACA, "--name.given-names", "Viajera")
        self.go("mudanza", "sync")
        self.go("mudanza", "edit", "people", "Viajera", "--scope", "21140", "--notes", "se mudó")
        where = "name_given_names = 'Viajera' AND scope = 'MX/21/140'"
        self.assertEqual(self.field.count("mudanza", "people", where), 1)
        self.go("mudanza", "sync", "--strict")
        self.assertEqual(self.field.count("mudanza", "people", "name_given_names = 'Viajera'"), 1)
        self.go("puebla", "sync")
        self.assertEqual(self.field.count("puebla", "people", where), 1)

    def test_a_move_without_a_grant_on_the_other_side_comes_back(self):
        self.field.device("soloaqui")
        self.go("soloaqui", "add", "people", "--scope", OAXACA, "--name.given-names", "Quieta")
        self.go("soloaqui", "sync")
        self.go("soloaqui", "edit", "people", "Quieta", "--scope", "21140")
        self.go("soloaqui", "sync")
        self.assertEqual(self.field.count("soloaqui", "people",
                                          "name_given_names = 'Quieta' AND scope = 'MX/20/067'"), 1)
        self.assert_says(self.go("soloaqui", "rejected"), "permiso")


class AdministrationTest(FieldTest):
    def test_an_invitation_file_that_exists_costs_no_invitation(self):
        path = self.field.at("taken.inv")
        open(path, "w").close()
        before = len(self.go("admin", "--format", "json", "grants").json())
        answer = self.go("admin", "invite", "x", "--role", "organizer", "--scope", OAXACA, "--out", path, code=1)
        self.assert_says(answer, path, "--out")
        self.assertEqual(len(self.go("admin", "--format", "json", "grants").json()), before)

    def test_grants_are_given_listed_and_taken_back_by_their_beginning(self):
        grant = self.go("admin", "grant", "eva", "--role", "organizer", "--scope", "20067", "--until", "2099-01-01")
        identifier = grant.out.split()[-1]
        self.assertIn(identifier, self.go("admin", "grants").out)
        given = next(row for row in self.go("admin", "--format", "json", "grants").json()
                     if row["grant"] == identifier)
        self.assertRegex(given["until"], TIME)
        self.assertIsNone(given["revoked"])
        self.assert_says(self.go("admin", "revoke-grant", identifier[:2], code=2), "4 letras")
        self.go("admin", "revoke-grant", identifier[:12])
        self.assert_says(self.go("admin", "grant", "eva", "--role", "organizer", "--scope", "20067", "--until",
                                 "2020-01-01", code=2), "--until")

    def test_a_revoked_device_says_so_and_keeps_its_work(self):
        self.field.device("iris")
        listed = self.go("admin", "--format", "json", "devices").json()
        replica = next(row["replica"] for row in listed if row["user"] == "iris")
        self.go("admin", "revoke-device", replica)
        self.go("iris", "add", "people", "--scope", OAXACA, "--name.given-names", "Eva")
        answer = self.go("iris", "sync", code=5)
        self.assert_says(answer, "dio de baja este dispositivo")
        status = self.go("iris", "status")
        self.assert_says(status, "ya no se pueden enviar: 1")
        self.assertNotIn("Falta enviar", status.text)
        self.assert_says(status, "brigada rejected export --pending")
        kept = json.loads(self.go("iris", "rejected", "export", "--pending", "-").out)
        self.assertEqual([row["number"] for row in kept], ["MX/20:1"])
        self.assertIn("Eva", str(kept[0]["changes"]))
        self.go("iris", "rejected", "export", "--pending", self.field.at("iris.json"))
        self.assertEqual(os.stat(self.field.at("iris.json")).st_mode & 0o077, 0)
        self.assert_spanish(answer)
        self.assertEqual(self.field.count("iris", "people", "created_by = 'iris'"), 1)

    def test_what_a_device_removed_stands_in_the_list_of_devices(self):
        self.field.device("rita")
        grant = self.go("admin", "grant", "rita", "--role", "organizer", "--scope", "20208").out.split()[-1]
        self.go("rita", "sync")
        self.go("rita", "add", "people", "--scope", MIXTEPEC, "--name.given-names", "Pasajera")
        self.go("rita", "sync")
        self.go("admin", "revoke-grant", grant)
        for _ in range(2):
            self.go("rita", "sync")
        listed = self.go("admin", "--format", "json", "devices").json()
        row = next(row for row in listed if row["user"] == "rita")
        self.assertEqual(row["purged_scopes"], "MX/20/208")
        for field in ("purged", "enrolled", "last_sync"):
            self.assertRegex(row[field], TIME)
        self.assertIsNone(row["revoked"])
        csv = self.go("admin", "--format", "csv", "devices").out.splitlines()
        self.assertIn(row["purged"], next(text for text in csv if ",rita," in text))

    def test_the_end_of_a_grant_is_told_with_what_left_and_what_is_kept(self):
        self.field.device("petra", scope="MX/20/570")
        listed = self.go("admin", "--format", "json", "grants").json()
        grant = next(row["grant"] for row in listed if row["user"] == "petra")
        for name in ("Una", "Dos", "Tres"):
            self.go("petra", "add", "people", "--scope", "MX/20/570", "--name.given-names", name)
        self.go("petra", "sync")
        self.assertNotIn("terminó", self.go("petra", "status").text)
        self.go("admin", "revoke-grant", grant)
        self.go("petra", "add", "people", "--scope", "MX/20/570", "--name.given-names", "Sin enviar")
        told = self.go("petra", "sync")
        ended = ["Su permiso en MX/20/570 (Zimatlán de Álvarez, Oaxaca) terminó", "3 registros, que el servidor conserva",
                 "sigue guardado aquí: brigada rejected"]
        self.assert_says(told, *ended)
        self.assertEqual(self.field.count("petra", "people"), 0)
        # Once by the sync, and by the status as long as it is news.
        self.assertNotIn("terminó", self.go("petra", "sync").text)
        self.assert_says(self.go("petra", "status"), *ended)
        english = self.go("petra", "status", lang="en")
        self.assert_says(english, "Your grant for MX/20/570", "3 records left this device", "brigada rejected")
        row = self.go("petra", "--format", "json", "status").json()[0]["ended_places"][0]
        self.assertEqual((row["scope"], row["records"]), ("MX/20/570", 3))
        self.assertRegex(row["at"], TIME)
        kept = self.go("petra", "--format", "json", "rejected").json()
        self.assertEqual(len(kept), 1, kept)
        self.assert_says(self.go("petra", "rejected", "show", kept[0]["number"]), "Sin enviar")
        self.go("admin", "grant", "petra", "--role", "organizer", "--scope", "MX/20/570")
        self.go("petra", "sync")
        self.assertEqual(self.go("petra", "--format", "json", "status").json()[0]["ended_places"], [])
        self.assertEqual(self.field.count("petra", "people"), 4)

    def test_what_needs_the_administrator_says_so(self):
        self.field.device("olga")
        for command in (["backup"], ["invite", "y", "--role", "organizer", "--scope", OAXACA],
                        ["grant", "y", "--role", "organizer", "--scope", OAXACA]):
            answer = self.go("olga", *command, code=5)
            self.assert_says(answer, "administrador")
            self.assert_spanish(answer)


class RecoveryTest(FieldTest):
    def test_what_a_set_back_server_keeps_aside_is_released(self):
        self.field.device("rita")
        self.field.stop()
        shutil.copytree(self.field.at("server"), self.field.at("then"))
        self.field.start()
        self.go("admin", "grant", "rita", "--role", "organizer", "--scope", "MX/20/570")
        self.go("rita", "sync")
        self.go("rita", "add", "people", "--scope", "MX/20/570", "--name.given-names", "Rosa")
        self.go("rita", "sync")
        self.field.stop()
        shutil.rmtree(self.field.at("server"))
        os.rename(self.field.at("then"), self.field.at("server"))
        self.field.start()
        # The session that finds the server set back ends; the next one sends again.
        self.field.go("rita", "sync")
        self.go("rita", "sync")
        kept = self.go("admin", "--format", "json", "quarantine").json()
        self.assertEqual([one["user"] for one in kept], ["rita"], kept)
        number = kept[0]["number"]

        self.assert_says(self.go("rita", "quarantine", "release", number, code=3), "No hay")
        self.assert_says(self.go("admin", "quarantine", "release", "3f9c1a2b/MX/20:5", code=3), "No hay")
        self.assert_says(self.go("admin", "quarantine", "release", "nada", code=3), "No hay nada en cuarentena")
        self.go("admin", "quarantine", "release", code=2)
        answer = self.go("admin", "quarantine", "release", number)
        self.assert_says(answer, "Aplicado")
        self.assert_spanish(answer)
        again = self.go("admin", "--format", "json", "quarantine", "release", number).json()[0]
        self.assertEqual((again["released_by"], again["was_released"]), ("admin", 1), again)
        self.assertEqual(self.go("admin", "--format", "json", "quarantine").json(), [])
        self.go("rita", "sync")
        self.assertEqual(self.go("rita", "--format", "json", "rejected").json(), [])
        with open(self.field.at("server.log"), encoding="utf-8") as log:
            lines = [line for line in log if "quarantined set released" in line]
        self.assertEqual(len(lines), 2)
        for personal in ("rita", "Rosa", '"admin"'):
            self.assertNotIn(personal, "".join(lines))

    def test_a_backup_is_made_and_put_back(self):
        self.field.device("rosa")
        self.go("rosa", "add", "people", "--scope", OAXACA, "--name.given-names", "Respaldada")
        self.go("rosa", "sync")
        backup = self.go("admin", "--format", "json", "backup", "noche").json()[0]["path"]
        self.assertEqual(backup, os.path.realpath(self.field.at("server", "backups", "noche")))
        self.assert_says(self.go("admin", "backup", "noche", code=1), "Ya hay un respaldo llamado noche")
        self.assert_says(self.go("admin", "backup", "../x", code=2), "El nombre de un respaldo")
        # The backup lacks her, and the device has the verdict already.
        self.go("rosa", "add", "people", "--scope", OAXACA, "--name.given-names", "Posterior")
        self.go("rosa", "sync")
        for _ in range(2):
            self.restore(backup)
            self.assertEqual(self.people_of("rosa"), ["Respaldada"])
            self.go("rosa", "sync")
            self.assertEqual(self.people_of("rosa"), ["Posterior", "Respaldada"])

    def test_a_machine_that_is_set_back_with_all_it_had_gets_back_what_it_lost(self):
        self.field.device("luz")
        self.go("luz", "add", "people", "--scope", OAXACA, "--name.given-names", "Anterior")
        self.go("luz", "sync")
        server = os.path.join(self.field.path, "server")
        snapshot = os.path.join(self.field.path, "snapshot")
        self.field.stop()
        shutil.copytree(server, snapshot)
        self.field.start()
        self.go("luz", "add", "people", "--scope", OAXACA, "--name.given-names", "Posterior")
        self.go("luz", "sync")
        self.field.stop()
        shutil.rmtree(server)
        shutil.copytree(snapshot, server)
        self.field.start()
        self.assertEqual(self.people_of("luz"), ["Anterior"])
        self.go("luz", "sync")
        self.assertEqual(self.people_of("luz"), ["Anterior", "Posterior"])

    def restore(self, backup):
        self.field.stop()
        restored = self.field.serve_command("restore", "--backup", os.path.join(self.field.path, backup))
        self.assertEqual(restored.code, 0, restored.text)
        self.assertNotIn("{", restored.text)
        self.field.start()

    def people_of(self, user):
        query = "SELECT name_given_names AS n FROM people WHERE created_by = '%s' ORDER BY n" % user
        return [row["n"] for row in self.go("admin", "--format", "json", "query", "--server", query).json()]


if __name__ == "__main__":
    unittest.main()
