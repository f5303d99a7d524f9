#include "tests/unit/query/query_world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/visit.pb.h"

namespace brigada {
namespace {

struct ValueText {
  std::string operator()(std::monostate) const { return "NULL"; }
  std::string operator()(int64_t value) const { return absl::StrCat(value); }
  std::string operator()(double value) const { return absl::StrCat(value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const SqlBlob& value) const {
    return absl::StrCat("blob:", value.bytes.size());
  }
};

v1::Person PersonOf(const char* given, const char* first, const char* second) {
  v1::Person person;
  person.mutable_name()->set_given_names(given);
  person.mutable_name()->set_first_surname(first);
  person.mutable_name()->set_second_surname(second);
  return person;
}

WriteRef WriteOf(const char* user, int64_t unix_seconds) {
  WriteRef write;
  write.user = user;
  write.stamp = Hlc::FromTime(absl::FromUnixSeconds(unix_seconds));
  return write;
}

v1::Contender ContenderOf(const google::protobuf::Message& partial, const char* user,
                          int64_t unix_seconds) {
  v1::Contender contender;
  contender.set_value(partial.SerializeAsString());
  contender.set_user(user);
  contender.set_at_ms(unix_seconds * 1000);
  contender.set_replica(std::string(16, 'r'));
  return contender;
}

v1::Conflict ConflictOf(int person, uint32_t field) {
  v1::Conflict conflict;
  conflict.set_about_type(10);
  conflict.set_about_record(IdOf(person).AsBytes());
  conflict.set_about_field(field);
  conflict.set_policy(v1::LAST_WRITER);
  conflict.set_state(v1::OPEN);
  return conflict;
}

constexpr int64_t kMay = 1777660200;   // 2026-05-01T18:30:00Z
constexpr int64_t kJune = 1780394400;  // 2026-06-02T10:00:00Z

v1::Visit VisitOf(int person, v1::VisitOutcome outcome, int64_t unix_seconds) {
  v1::Visit visit;
  visit.set_person(IdOf(person).AsBytes());
  visit.set_outcome(outcome);
  visit.mutable_at()->set_seconds(unix_seconds);
  return visit;
}

v1::Event CircleEvent() {
  v1::Event event;
  event.set_kind(v1::CIRCLE);
  event.set_title("Círculo de agua");
  event.mutable_when()->set_start("2026-05-01T18:00");
  event.mutable_when()->set_zone("America/Mexico_City");
  event.add_speakers("Ana");
  event.add_speakers("Luis");
  (*event.mutable_streams())["red"].set_url("https://example.org/a");
  (*event.mutable_streams())["red"].set_views_at_close(41);
  (*event.mutable_streams())["azul"].set_url("https://example.org/b");
  event.set_state(v1::HELD);
  return event;
}

void AddConflicts(QueryWorld* world) {
  v1::Person winner;
  v1::Person loser;
  winner.set_gender("mujer");
  loser.set_gender("no binaria");
  v1::Conflict gender = ConflictOf(2, v1::Person::kGenderFieldNumber);
  *gender.mutable_winner() = ContenderOf(winner, "ana", kMay);
  *gender.add_losers() = ContenderOf(loser, "luis", kMay + 60);
  world->Add(31, "MX/20/067", gender);
  winner.Clear();
  loser.Clear();
  winner.set_social_name("Anita");
  loser.set_social_name("Nena");
  v1::Conflict name = ConflictOf(1, v1::Person::kSocialNameFieldNumber);
  *name.mutable_winner() = ContenderOf(winner, "ana", kMay);
  *name.add_losers() = ContenderOf(loser, "luis", kJune);
  *name.add_losers() = ContenderOf(v1::Person(), "eva", kJune);
  world->Add(32, "MX/20/067", name);
}

}  // namespace

RecordId IdOf(int number) { return *RecordId::Parse(IdText(number)); }

std::string IdText(int number) { return absl::StrFormat("00000000-0000-7000-8000-%012x", number); }

v1::Feed FeedOf(const std::string& scope, v1::FeedKind kind, v1::DataClass max_class) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(kind);
  feed.set_max_class(max_class);
  return feed;
}

void QueryWorld::Add(int number, const std::string& scope,
                     const google::protobuf::Message& message) {
  const RecordType* type = Registry::BuiltIn().FindByName(message.GetDescriptor()->name());
  RecordView record;
  record.id = IdOf(number);
  record.scope = scope;
  record.message = message.SerializeAsString();
  record.created = WriteOf("ana", kMay);
  record.updated = WriteOf("luis", kJune);
  record.pending = number == 1;
  if (number == 2) record.conflicts.push_back({v1::Person::kGenderFieldNumber, "", IdOf(31)});
  view.Add(*type, std::move(record));
}

void QueryWorld::AddPerson(int number, const std::string& scope, const v1::Person& person) {
  Add(number, scope, person);
}

void QueryWorld::AddMany(int first, int count, const std::string& scope) {
  for (int i = 0; i < count; ++i) Add(first + i, scope, PersonOf("Eva", "Gil", ""));
}

QueryWorld::QueryWorld() {
  options.access.everything = true;
  v1::Person ana = PersonOf("Ana María", "López", "Ruiz");
  ana.mutable_birth_date()->set_year(1990);
  ana.mutable_birth_date()->set_month(5);
  ana.mutable_birth_date()->set_day(17);
  ana.set_registered_sex(v1::FEMALE);
  ana.set_gender("mujer");
  ana.set_curp("LORA900517MOCPZN01");
  ana.add_phones("+529511234567");
  ana.add_phones("+529517654321");
  ana.set_electoral_section("123");
  ana.set_folio("OAX-1");
  ana.set_do_not_contact(true);
  AddPerson(1, "MX/20/067", ana);
  v1::Person inigo = PersonOf("Íñigo", "Muñoz", "");
  inigo.mutable_birth_date()->set_year(1985);
  inigo.set_gender("hombre");
  inigo.set_social_name("Lola");
  inigo.add_relations(v1::MEMBER);
  AddPerson(2, "MX/20/067", inigo);
  AddPerson(3, "MX/20/184", PersonOf("Ana", "Pérez", ""));
  AddPerson(4, "MX/14/039", PersonOf("Luis", "López", ""));
  Add(11, "MX/20/067", VisitOf(1, v1::CONTACT, kMay));
  v1::Visit absent = VisitOf(3, v1::ABSENT, kJune);
  (*absent.mutable_answers())["agua"] = "no";
  Add(12, "MX/20/184", absent);
  Add(21, "MX/20", CircleEvent());
  v1::Event national;
  national.set_kind(v1::TABLE);
  national.set_title("Mesa nacional");
  Add(22, "MX", national);
  AddConflicts(this);
}

absl::StatusOr<QuerySummary> QueryWorld::Run(absl::string_view sql, std::vector<SqlRow>* rows) {
  return RunQuery(
      Registry::BuiltIn(), view, sql, {}, options,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](SqlRow row) {
        if (rows != nullptr) rows->push_back(std::move(row));
        return absl::OkStatus();
      });
}

std::string QueryWorld::Ask(absl::string_view sql, const std::vector<SqlValue>& parameters) {
  std::vector<std::string> lines;
  const auto summary = RunQuery(
      Registry::BuiltIn(), view, sql, parameters, options,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](const SqlRow& row) {
        std::vector<std::string> values;
        for (const SqlValue& value : row) values.push_back(std::visit(ValueText{}, value));
        lines.push_back(absl::StrJoin(values, "|"));
        return absl::OkStatus();
      });
  if (!summary.ok()) {
    return absl::StrCat(absl::StatusCodeToString(summary.status().code()), ": ",
                        summary.status().message());
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace brigada
