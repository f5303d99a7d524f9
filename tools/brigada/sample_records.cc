#include "tools/brigada/sample_records.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "replica/territory/territory.h"
#include "tools/brigada/names_table.h"

namespace brigada {
namespace {

constexpr int kWeeks = 6;
// Degrees around the municipality's point in which visits lie: some kilometres.
constexpr double kSpread = 0.04;

const char* const kStreets[] = {"Benito Juárez",   "Miguel Hidalgo",     "Emiliano Zapata",
                                "Independencia",   "5 de Mayo",          "Niños Héroes",
                                "Lázaro Cárdenas", "Guadalupe Victoria", "16 de Septiembre",
                                "Josefa Ortiz",    "Álvaro Obregón",     "De los Pinos"};
const char* const kQuarters[] = {"Centro",      "La Soledad", "San José",   "Guadalupe",
                                 "El Calvario", "La Peña",    "Santa Cruz", "Los Ángeles"};
const char* const kTopics[] = {"Agua y drenaje",      "Transporte de la comunidad",
                               "Seguridad",           "Presupuesto abierto",
                               "Escuelas y maestros", "Caminos",
                               "Mujeres y liderazgo", "Salud"};

}  // namespace

SampleRecords::SampleRecords(const Scope& scope, absl::Time now, Random* random)
    : random_(random), now_(now) {
  const Scope place = scope.Ancestor(scope.depth() < 3 ? scope.depth() : 3);
  const absl::StatusOr<std::string> key = KeyOfScopePath(place.path());
  const Place* const found = key.ok() ? Catalog::BuiltIn().Find(*key) : nullptr;
  if (found == nullptr) return;
  state_key_ = std::string(found->state_key());
  zone_ = std::string(found->zone);
  latitude_ = found->latitude;
  longitude_ = found->longitude;
}

v1::Person SampleRecords::Person() {
  const NamesTable& names = NamesTable::BuiltIn();
  v1::Person person;
  const bool is_woman = Chance(54);
  v1::PersonName* const name = person.mutable_name();
  name->set_given_names(std::string(is_woman ? names.Woman(*random_) : names.Man(*random_)));
  name->set_first_surname(std::string(names.Surname(state_key_, *random_)));
  if (Chance(96)) name->set_second_surname(std::string(names.Surname(state_key_, *random_)));
  person.set_registered_sex(is_woman ? v1::FEMALE : v1::MALE);
  v1::Date* const birth = person.mutable_birth_date();
  const auto year_now = static_cast<int32_t>(absl::ToCivilYear(now_, absl::UTCTimeZone()).year());
  birth->set_year(year_now - 18 - static_cast<int32_t>(random_->Uniform(60)));
  if (Chance(85)) {
    birth->set_month(1 + static_cast<int32_t>(random_->Uniform(12)));
    birth->set_day(1 + static_cast<int32_t>(random_->Uniform(28)));
  }
  if (Chance(80)) person.add_phones(absl::StrFormat("+52951%07d", random_->Uniform(10'000'000)));
  person.add_languages("spa");
  if (state_key_ == "20" && Chance(30)) person.add_languages(OneOf({"mix", "zap"}));
  v1::Address* const address = person.mutable_address();
  address->set_street(kStreets[random_->Uniform(std::size(kStreets))]);
  address->set_number(absl::StrCat(1 + random_->Uniform(300)));
  address->set_neighbourhood(kQuarters[random_->Uniform(std::size(kQuarters))]);
  person.set_electoral_section(absl::StrFormat("%04d", 1 + random_->Uniform(2500)));
  person.add_relations(OneOf({v1::SYMPATHIZER, v1::SYMPATHIZER, v1::MEMBER, v1::GUEST}));
  person.add_axes(OneOf({v1::AXIS_PEDAGOGY, v1::AXIS_COMMUNITY, v1::AXIS_DIALOGUE}));
  return person;
}

absl::Time SampleRecords::SomeMoment() {
  const auto days = static_cast<int64_t>(random_->Uniform(uint64_t{kWeeks} * 7));
  // Between nine in the morning and eight at night, seen from the end of the weeks.
  const auto minutes = static_cast<int64_t>(random_->Uniform(uint64_t{11} * 60));
  return now_ - absl::Hours(24) * days - absl::Minutes(minutes);
}

v1::Visit SampleRecords::Visit(const RecordId& person) {
  v1::Visit visit;
  visit.set_person(person.AsBytes());
  visit.mutable_at()->set_seconds(absl::ToUnixSeconds(SomeMoment()));
  const uint64_t luck = random_->Uniform(100);
  visit.set_outcome(luck < 46   ? v1::CONTACT
                    : luck < 78 ? v1::ABSENT
                    : luck < 88 ? v1::REFUSED
                    : luck < 94 ? v1::UNREACHABLE
                    : luck < 99 ? v1::MOVED
                                : v1::UNSAFE);
  visit.set_mode(OneOf({v1::HOME, v1::HOME, v1::HOME, v1::STREET, v1::PHONE}));
  if (Chance(90)) {
    v1::GeoPoint* const position = visit.mutable_position();
    position->set_latitude(latitude_ + (random_->NextDouble() - 0.5) * kSpread);
    position->set_longitude(longitude_ + (random_->NextDouble() - 0.5) * kSpread);
    position->set_precision_m(static_cast<float>(5 + random_->Uniform(60)));
  }
  if (visit.outcome() != v1::CONTACT) return visit;
  visit.set_minutes(static_cast<int32_t>(3 + random_->Uniform(40)));
  (*visit.mutable_answers())["prioridad"] = kTopics[random_->Uniform(std::size(kTopics))];
  if (Chance(25)) visit.set_next_step("Invitar al círculo del viernes");
  return visit;
}

v1::Event SampleRecords::Event() {
  v1::Event event;
  event.set_kind(OneOf({v1::CIRCLE, v1::TABLE, v1::WORKSHOP, v1::ASSEMBLY}));
  const char* const topic = kTopics[random_->Uniform(std::size(kTopics))];
  event.set_title(absl::StrCat("Encuentro: ", topic));
  event.set_topic(topic);
  const absl::CivilDay day(absl::ToCivilDay(SomeMoment(), absl::UTCTimeZone()));
  v1::TimeSpan* const when = event.mutable_when();
  when->set_start(absl::StrCat(absl::FormatCivilTime(day), "T17:00"));
  when->set_end(absl::StrCat(absl::FormatCivilTime(day), "T19:00"));
  when->set_zone(zone_);
  event.set_modality(v1::IN_PERSON);
  event.set_place(absl::StrCat("Salón de ", kQuarters[random_->Uniform(std::size(kQuarters))]));
  event.set_state(v1::PLANNED);
  event.add_axes(v1::AXIS_DIALOGUE);
  return event;
}

v1::Attendance SampleRecords::Attendance(const RecordId& event, const RecordId& person) {
  v1::Attendance attendance;
  attendance.set_event(event.AsBytes());
  attendance.set_person(person.AsBytes());
  attendance.set_state(v1::ATTENDED);
  attendance.set_mode(v1::PRESENT);
  attendance.add_marks(OneOf({v1::LIST, v1::QR}));
  return attendance;
}

}  // namespace brigada
