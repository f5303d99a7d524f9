"""A device whose key or store is gone comes back with an invitation."""

import os
import shutil
import unittest

from field import OAXACA, FieldTest


class LostKeyTest(FieldTest):
    """A device that cannot prove any more who it is comes back with an invitation, and loses nothing."""

    def invitation(self, user):
        path = self.field.at("otra-%s.inv" % user)
        if os.path.exists(path):
            os.unlink(path)
        self.go("admin", "invite", user, "--role", "organizer", "--scope", OAXACA, "--out", path)
        return self.field.readdressed(path)

    def come_back(self, user):
        self.assert_says(self.go(user, "enrol", "--invitation", self.invitation(user)), "Dispositivo inscrito")
        self.go(user, "sync")
        self.assertEqual(self.go(user, "--format", "json", "status").json()[0]["pending"], 0)
        found = self.go("admin", "--format", "json", "query", "--server",
                        "SELECT count(*) AS n FROM people WHERE name_given_names = '%s'" % user)
        self.assertEqual(found.json(), [{"n": 1}])
        # And it is a whole device again.
        self.assert_says(self.go(user, "enrol", "--invitation", self.invitation(user), code=1), "ya está inscrita")

    def broken(self, user, breaking):
        self.field.device(user)
        self.go(user, "add", "people", "--scope", OAXACA, "--name.given-names", user)
        breaking(self.field.at(user, "device.key"))
        for _ in range(2):
            answer = self.go(user, "sync", code=5)
            self.assert_says(answer, "device.key", "brigada enrol", "sigue aquí")
            self.assert_spanish(answer)
        self.come_back(user)

    def test_a_key_that_is_gone(self):
        self.broken("ana", os.unlink)

    def test_a_key_that_is_damaged(self):
        def cut(path):
            with open(path, "r+b") as file:
                file.truncate(60)
        self.broken("bety", cut)

    def test_a_key_of_another_device(self):
        self.field.device("otro")
        self.broken("carla", lambda path: shutil.copy(self.field.at("otro", "device.key"), path))

    def test_an_invitation_that_failed_spoils_nothing(self):
        self.field.device("dora")
        self.go("dora", "add", "people", "--scope", OAXACA, "--name.given-names", "dora")
        os.unlink(self.field.at("dora", "device.key"))
        used = self.field.readdressed(self.field.at("dora.inv"))
        for _ in range(2):
            self.assert_says(self.go("dora", "enrol", "--invitation", used, code=5), "ya se usó o venció")
        self.come_back("dora")

    def test_the_invitation_of_another_person_is_refused_before_it_is_used_up(self):
        self.field.device("elsa")
        os.unlink(self.field.at("elsa", "device.key"))
        invitation = self.invitation("fany")
        self.assert_says(self.go("elsa", "enrol", "--invitation", invitation, code=1), "de otra persona")
        self.go("fany", "init")
        self.go("fany", "enrol", "--invitation", invitation)

    def test_a_store_that_is_gone_is_made_anew_beside_the_old_certificate(self):
        self.field.device("gina")
        shutil.rmtree(self.field.at("gina", "store"))
        self.go("gina", "init")
        self.go("gina", "add", "people", "--scope", OAXACA, "--name.given-names", "gina")
        self.assert_says(self.go("gina", "sync", code=5), "inscriba este")
        self.come_back("gina")


if __name__ == "__main__":
    unittest.main()
