// A ReadView over records in memory, for tests of what reads through one.
#ifndef TESTS_SUPPORT_FAKE_READ_VIEW_H_
#define TESTS_SUPPORT_FAKE_READ_VIEW_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "replica/store/read_view.h"

namespace brigada {

// Counts the records it hands out, so that a test can tell a lookup from a scan.
class FakeReadView final : public ReadView {
 public:
  void Add(const RecordType& type, RecordView record);

  absl::StatusOr<std::optional<RecordView>> Get(const RecordType& type,
                                                const RecordId& id) const override;
  std::unique_ptr<RecordCursor> Scan(const RecordType& type, const Scope& within) const override;
  std::unique_ptr<RecordCursor> Lookup(const RecordType& type, const IndexRange& range,
                                       const Scope& within) const override;
  absl::StatusOr<uint64_t> Count(const RecordType& type) const override;

  // Records given by any call since the last ResetReads.
  uint64_t reads() const { return reads_; }
  void ResetReads() { reads_ = 0; }

 private:
  friend class FakeRecordCursor;
  using Records = std::map<RecordId, RecordView>;
  // By field, then value and record, as an index table would hold them.
  using Entries = std::map<std::pair<std::string, RecordId>, const RecordView*>;

  std::map<uint32_t, Records> records_;
  std::map<std::pair<uint32_t, uint32_t>, Entries> indexes_;
  mutable uint64_t reads_ = 0;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAKE_READ_VIEW_H_
