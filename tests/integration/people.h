// What the integration tests register, and where.
#ifndef TESTS_INTEGRATION_PEOPLE_H_
#define TESTS_INTEGRATION_PEOPLE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/person.pb.h"
#include "replica/schema/scope.h"

namespace brigada {

inline v1::Person Named(absl::string_view given, absl::string_view surname = "") {
  v1::Person person;
  person.mutable_name()->set_given_names(std::string(given));
  if (!surname.empty()) person.mutable_name()->set_first_surname(std::string(surname));
  return person;
}

inline Scope At(absl::string_view path) { return *Scope::Parse(path); }

}  // namespace brigada

#endif  // TESTS_INTEGRATION_PEOPLE_H_
