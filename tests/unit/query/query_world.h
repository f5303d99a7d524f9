// A few records that the tests of queries ask about, and a way to ask.
#ifndef TESTS_UNIT_QUERY_QUERY_WORLD_H_
#define TESTS_UNIT_QUERY_QUERY_WORLD_H_

#include <string>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "google/protobuf/message.h"
#include "replica/query/query.h"
#include "tests/support/fake_read_view.h"

namespace brigada {

// Two municipalities of Oaxaca (067, 184), one of Jalisco (14/039):
//   person 1  Ana María López Ruiz    MX/20/067  born 1990-05-17, two phones, pending
//   person 2  Íñigo Muñoz             MX/20/067  born 1985, open conflict on gender
//   person 3  Ana Pérez               MX/20/184
//   person 4  Luis López              MX/14/039
//   visits 11 (person 1, contact, 2026-05-01) and 12 (person 3, absent, 2026-06-02, with answers)
//   event 21  circle in MX/20 with two streams, two speakers
//   notice-like event 22 in MX, operational
//   conflicts 31 (person 2, gender), 32 (person 1, social_name)
class QueryWorld {
 public:
  QueryWorld();

  // One line per row, values separated by '|', NULL as "NULL"; or "CODE: message".
  std::string Ask(absl::string_view sql, const std::vector<SqlValue>& parameters = {});
  absl::StatusOr<QuerySummary> Run(absl::string_view sql, std::vector<SqlRow>* rows = nullptr);

  void AddPerson(int number, const std::string& scope, const v1::Person& person);
  void Add(int number, const std::string& scope, const google::protobuf::Message& message);
  // Several, of people who have but a name.
  void AddMany(int first, int count, const std::string& scope);

  FakeReadView view;
  QueryOptions options;  // everything, unless a test says otherwise
};

// The record id of a number, and its text: "00000000-0000-7000-8000-000000000001".
RecordId IdOf(int number);
std::string IdText(int number);

v1::Feed FeedOf(const std::string& scope, v1::FeedKind kind, v1::DataClass max_class);

}  // namespace brigada

#endif  // TESTS_UNIT_QUERY_QUERY_WORLD_H_
