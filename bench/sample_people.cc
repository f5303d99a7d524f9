#include "bench/sample_people.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace brigada::bench {
namespace {

constexpr std::array<const char*, 12> kGiven = {"María José", "Juan",   "Guadalupe", "José Luis",
                                                "Ana",        "Pedro",  "Rosa",      "Antonio",
                                                "Juana",      "Miguel", "Lucía",     "Ángel"};
constexpr std::array<const char*, 12> kSurnames = {"Hernández", "García",   "López", "Martínez",
                                                   "Pérez",     "Sánchez",  "Ñeco",  "Vásquez",
                                                   "Cruz",      "Santiago", "Reyes", "Mendoza"};
constexpr std::array<const char*, 6> kStreets = {
    "Benito Juárez", "Hidalgo", "Morelos", "5 de Mayo", "20 de Noviembre", "Independencia"};

template <size_t N>
const char* Pick(const std::array<const char*, N>& values, Random& random) {
  return values[random.Uniform(N)];
}

}  // namespace

v1::Person SamplePerson(Random& random) {
  v1::Person person;
  person.mutable_name()->set_given_names(Pick(kGiven, random));
  person.mutable_name()->set_first_surname(Pick(kSurnames, random));
  person.mutable_name()->set_second_surname(Pick(kSurnames, random));
  person.mutable_birth_date()->set_year(1940 + static_cast<int32_t>(random.Uniform(65)));
  person.mutable_birth_date()->set_month(1 + static_cast<int32_t>(random.Uniform(12)));
  person.mutable_birth_date()->set_day(1 + static_cast<int32_t>(random.Uniform(28)));
  person.set_registered_sex(random.Uniform(2) == 0 ? v1::FEMALE : v1::MALE);
  person.add_phones(absl::StrFormat("+52951%07d", random.Uniform(10'000'000)));
  person.mutable_address()->set_street(absl::StrCat("Calle ", Pick(kStreets, random)));
  person.mutable_address()->set_number(absl::StrCat(1 + random.Uniform(400)));
  person.mutable_address()->set_neighbourhood("Centro");
  person.mutable_address()->set_postal_code(absl::StrFormat("68%03d", random.Uniform(1000)));
  person.set_electoral_section(absl::StrCat(1 + random.Uniform(2400)));
  person.add_relations(random.Uniform(3) == 0 ? v1::MEMBER : v1::SYMPATHIZER);
  person.add_axes(v1::AXIS_COMMUNITY);
  person.set_folio(
      absl::StrFormat("OAX-%04X-%06d", random.Uniform(65536), random.Uniform(1'000'000)));
  return person;
}

}  // namespace brigada::bench
