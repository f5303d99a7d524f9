// Random changes of the record SampleId() for property tests.
#ifndef TESTS_UNIT_MERGE_RANDOM_CHANGE_H_
#define TESTS_UNIT_MERGE_RANDOM_CHANGE_H_

#include "brigada/v1/change.pb.h"
#include "replica/base/random.h"

namespace brigada {

// What a random change may contain.
struct Repertoire {
  // Fields whose outcome depends on the commit order: FIRST_WRITER, COUNTER, STATE.
  bool ordered_fields = false;
  bool lives = false;  // delete and create
};

// Values come from so few that equal ones meet.
v1::Change RandomChange(Random& random, const Repertoire& repertoire);

}  // namespace brigada

#endif  // TESTS_UNIT_MERGE_RANDOM_CHANGE_H_
