// The conflict ledger as a table: what a conflict is about, and the values that met, as text.
// Inside replica/query only.
#ifndef REPLICA_QUERY_CONFLICT_COLUMNS_H_
#define REPLICA_QUERY_CONFLICT_COLUMNS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "replica/query/sql_columns.h"
#include "replica/query/sql_value.h"
#include "replica/schema/registry.h"

namespace brigada {

// True for brigada.v1.Conflict.
bool IsConflictType(const RecordType& type);
// True for Conflict.losers, which has a child table though it is no SET.
bool IsLosersField(const FieldType& field);

// Columns of `conflicts`, and of its child table of losing values.
void AddConflictColumns(const RecordType& type, std::vector<SqlColumn>* columns);
void AddContenderColumns(const FieldType& losers, std::vector<SqlColumn>* columns);

// What an kAbout... column of `conflict` holds: the plural name of the table, the name of the field
// ("scope" for the record's place; NULL: the whole record). What this program does not know is
// given by its number.
SqlValue AboutType(const Registry& registry, const google::protobuf::Message& conflict);
SqlValue AboutField(const Registry& registry, const google::protobuf::Message& conflict);

// A contender's value: text of the field `conflict` is about, JSON for the whole record or for a
// message. NULL: cleared, unknown here, or of a class above `readable`.
SqlValue ContenderValue(const Registry& registry, const google::protobuf::Message& conflict,
                        absl::string_view value, v1::DataClass readable);
// What a parked edit took away: elements and keys as JSON, and the names of the fields that it
// cleared as a JSON list. NULL: none, unknown here, or of a class above `readable`.
SqlValue ContenderRemoved(const Registry& registry, const google::protobuf::Message& conflict,
                          absl::string_view value, v1::DataClass readable);
SqlValue ContenderCleared(const Registry& registry, const google::protobuf::Message& conflict,
                          absl::string_view value, v1::DataClass readable);

}  // namespace brigada

#endif  // REPLICA_QUERY_CONFLICT_COLUMNS_H_
