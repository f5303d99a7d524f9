// Messages with a value in every field, the same on every machine.
#ifndef TESTS_COMPAT_FILLED_MESSAGE_H_
#define TESTS_COMPAT_FILLED_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"

namespace brigada {

// One filled message of the type; of a type with a oneof one for each of its alternatives, named
// "brigada.v1.ClientFrame hello". Nested messages are filled too, of a oneof the first alternative.
std::vector<std::pair<std::string, std::unique_ptr<google::protobuf::Message>>> FilledMessages(
    const google::protobuf::Descriptor* type);

// Fields and map entries in order, so that one content has one encoding.
std::string DeterministicBytes(const google::protobuf::Message& message);

}  // namespace brigada

#endif  // TESTS_COMPAT_FILLED_MESSAGE_H_
