// What secondary indexes hold of a field: byte strings whose order is the order of the values.
//
//   'v' + 8 bytes                 integers, bool, enum number, Timestamp (microseconds since 1970):
//                                 int64, big endian, sign bit turned
//   'v' + 8 bytes                 float and double: IEEE bits, big endian, turned so that they
//                                 order; -0 as 0, NaN above everything
//   'v' + bytes + 00 01           text and bytes as they are; a byte 00 inside is 00 ff
//   't' + token + 00 01           one folded word of a `search` field
//
// No encoding is the beginning of another one, so a record id may follow. The forms are part of the
// on-disk format.
#ifndef REPLICA_SCHEMA_INDEX_VALUE_H_
#define REPLICA_SCHEMA_INDEX_VALUE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "replica/schema/registry.h"

namespace brigada {

// The index entries of one field of `message`, sorted and distinct; none unless the field is
// indexed or searched. A SET has one per element. Empty text or bytes, an unset Timestamp and an
// unset optional field have none; a number, bool or enum that is not optional always has one, 0
// included. `message` is of the type that `field` belongs to.
std::vector<std::string> IndexValues(const FieldType& field,
                                     const google::protobuf::Message& message);

// The same forms, to look values up and to bound ranges. A uint64 beyond int64 counts as INT64_MAX:
// whoever looks up such a number reads the record to be sure.
std::string EncodeIndexInt64(int64_t value);
std::string EncodeIndexDouble(double value);
// Of text and of bytes.
std::string EncodeIndexString(absl::string_view value);
std::string EncodeIndexTime(const google::protobuf::Timestamp& time);
// One token of SearchTokens.
std::string EncodeIndexToken(absl::string_view token);
// What the entries of every text (token) that starts with `prefix` start with.
std::string EncodeIndexStringPrefix(absl::string_view prefix);
std::string EncodeIndexTokenPrefix(absl::string_view prefix);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_INDEX_VALUE_H_
