// A note on what the server is going to refuse: offline work is never stopped, but nobody should
// find out a week later.
#ifndef TOOLS_BRIGADA_GRANT_NOTE_H_
#define TOOLS_BRIGADA_GRANT_NOTE_H_

#include <cstdint>
#include <string>

#include "brigada/replica.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/schema/registry.h"
#include "tools/brigada/command_line.h"

namespace brigada {

// Says so when the grants that the server last told do not let the user write records of `type` at
// `scope`: no grant for the place, or none whose role writes the type. True: it was said. A device
// that was never told any says nothing.
bool NoteMissingGrant(const CommandLine& line, const Replica& replica, const RecordType& type,
                      const Scope& scope);

// The same of many records of a type, said once.
class MissingGrants {
 public:
  // `type` outlives it.
  MissingGrants(const Replica& replica, const RecordType& type)
      : welcome_(replica.last_welcome()), type_(type) {}

  // A record that was registered at `scope`.
  void Add(const Scope& scope);
  // How many of them the grants do not cover, with the first one's place; nothing for none.
  void Note(const CommandLine& line) const;

 private:
  const v1::Welcome welcome_;
  const RecordType& type_;
  uint64_t records_ = 0;
  std::string first_;  // its place
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_GRANT_NOTE_H_
