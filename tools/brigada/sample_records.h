// Records that look like a field day's: people with two surnames and accents, visits of the last
// weeks with outcomes in believable proportions, events. The same seed gives the same records.
#ifndef TOOLS_BRIGADA_SAMPLE_RECORDS_H_
#define TOOLS_BRIGADA_SAMPLE_RECORDS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "replica/base/ids.h"
#include "replica/base/random.h"
#include "replica/schema/scope.h"

namespace brigada {

class SampleRecords {
 public:
  // Records of `scope`, a state or below; `now` is the end of the weeks. `random` outlives this.
  SampleRecords(const Scope& scope, absl::Time now, Random* random);

  v1::Person Person();
  v1::Visit Visit(const RecordId& person);
  v1::Event Event();
  v1::Attendance Attendance(const RecordId& event, const RecordId& person);

 private:
  bool Chance(uint64_t percent) { return random_->Uniform(100) < percent; }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return values.begin()[random_->Uniform(values.size())];
  }
  absl::Time SomeMoment();

  Random* const random_;
  const absl::Time now_;
  std::string state_key_;
  std::string zone_;
  double latitude_ = 0;
  double longitude_ = 0;
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_SAMPLE_RECORDS_H_
