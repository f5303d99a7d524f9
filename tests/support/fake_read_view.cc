#include "tests/support/fake_read_view.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/schema/index_value.h"

namespace brigada {

class FakeRecordCursor final : public RecordCursor {
 public:
  FakeRecordCursor(const FakeReadView* view, std::vector<const RecordView*> records)
      : view_(view), records_(std::move(records)) {}

  absl::StatusOr<std::optional<RecordView>> Next() override {
    if (next_ == records_.size()) return std::nullopt;
    ++view_->reads_;
    return *records_[next_++];
  }

 private:
  const FakeReadView* const view_;
  const std::vector<const RecordView*> records_;
  size_t next_ = 0;
};

namespace {

bool IsWithin(const RecordView& record, const Scope& within) {
  const auto scope = Scope::Parse(record.scope);
  return scope.ok() && within.Contains(*scope);
}

}  // namespace

void FakeReadView::Add(const RecordType& type, RecordView record) {
  record.type_id = type.type_id();
  const RecordId id = record.id;
  const auto [place, is_new] = records_[type.type_id()].emplace(id, std::move(record));
  CHECK(is_new);
  const RecordView& stored = place->second;
  indexes_[{type.type_id(), kScopeFieldNumber}][{EncodeIndexString(stored.scope), id}] = &stored;
  const auto message = type.NewMessage();
  if (!message->ParseFromString(stored.message)) return;
  for (const FieldType& field : type.fields()) {
    for (const std::string& value : IndexValues(field, *message))
      indexes_[{type.type_id(), field.number}][{value, id}] = &stored;
  }
}

absl::StatusOr<std::optional<RecordView>> FakeReadView::Get(const RecordType& type,
                                                            const RecordId& id) const {
  const auto records = records_.find(type.type_id());
  if (records == records_.end()) return std::nullopt;
  const auto found = records->second.find(id);
  if (found == records->second.end()) return std::nullopt;
  ++reads_;
  return found->second;
}

std::unique_ptr<RecordCursor> FakeReadView::Scan(const RecordType& type,
                                                 const Scope& within) const {
  std::vector<const RecordView*> chosen;
  const auto records = records_.find(type.type_id());
  if (records != records_.end()) {
    for (const auto& [id, record] : records->second) {
      if (IsWithin(record, within)) chosen.push_back(&record);
    }
  }
  return std::make_unique<FakeRecordCursor>(this, std::move(chosen));
}

std::unique_ptr<RecordCursor> FakeReadView::Lookup(const RecordType& type, const IndexRange& range,
                                                   const Scope& within) const {
  std::vector<const RecordView*> chosen;
  std::set<RecordId> given;
  const auto index = indexes_.find({type.type_id(), range.field});
  if (index != indexes_.end()) {
    for (auto entry = index->second.lower_bound({range.lower, RecordId()});
         entry != index->second.end(); ++entry) {
      // As stored keys do, an entry compares with its record id behind its value.
      const std::string key = absl::StrCat(entry->first.first, entry->first.second.bytes());
      if (!range.upper.empty() && key >= range.upper) break;
      if (IsWithin(*entry->second, within) && given.insert(entry->first.second).second)
        chosen.push_back(entry->second);
    }
  }
  return std::make_unique<FakeRecordCursor>(this, std::move(chosen));
}

absl::StatusOr<uint64_t> FakeReadView::Count(const RecordType& type) const {
  const auto records = records_.find(type.type_id());
  return records == records_.end() ? 0 : records->second.size();
}

}  // namespace brigada
