// Random edits of a message, field by field.
#ifndef TESTS_FUZZ_MESSAGE_MUTATOR_H_
#define TESTS_FUZZ_MESSAGE_MUTATOR_H_

#include <functional>
#include <string>

#include "google/protobuf/message.h"
#include "replica/base/random.h"

namespace brigada {

// Makes one to four edits somewhere inside `script`: a number nudged or replaced by a telling one,
// an element added, repeated, moved or dropped, a message set or cleared, a text replaced by one
// that means something here. Bytes that hold a record's fields are edited as the record they are.
// `mutate_bytes` edits other bytes.
void MutateScript(Random* random, const std::function<std::string(std::string)>& mutate_bytes,
                  google::protobuf::Message* script);

}  // namespace brigada

#endif  // TESTS_FUZZ_MESSAGE_MUTATOR_H_
