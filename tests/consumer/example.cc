#include <iostream>

#include "brigada/replica.h"
#include "brigada/v1/person.pb.h"

int main(int argc, char** argv) {
  brigada::Options options;
  options.path = argc > 1 ? argv[1] : "field.brigada";
  auto replica = brigada::Replica::Open(options);
  if (!replica.ok()) return std::cerr << replica.status() << "\n", 1;

  brigada::v1::Person ana;
  ana.mutable_name()->set_given_names("Ana");
  ana.mutable_name()->set_first_surname("Ñeco");
  auto id = (*replica)->Create(*brigada::Scope::Parse("MX/20/067"), ana);
  if (!id.ok()) return std::cerr << id.status() << "\n", 1;
  auto status = (*replica)->Update<brigada::v1::Person>(
      *id, [](auto& person) { person.add_phones("+529511234567"); });
  if (!status.ok()) return std::cerr << status << "\n", 1;

  auto people =
      (*replica)->Query("SELECT name_given_names, name_first_surname, pending FROM people");
  if (!people.ok()) return std::cerr << people.status() << "\n", 1;
  std::cout << people->rows.size() << " people, " << (*replica)->GetSyncStatus().pending
            << " change sets to send\n";
}
