#include "replica/store/kv_read_view.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/schema/index_value.h"
#include "replica/store/checked_cursor.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// A stretch of the records or of the index table inside one partition.
struct KeyRange {
  std::string partition;
  Table table = Table::kRecords;
  std::string begin;
  std::string end;
};

// True when all records within `within` that `partition` knows are to be met there. On a device a
// record whose move to another state is under way may be met in any other.
bool IsHome(const Scope& within, absl::string_view partition) {
  return within.empty() || within.depth() == 1 || within.partition() == partition;
}

class KvReadView final : public ReadView {
 public:
  KvReadView(const RecordTable* table, std::unique_ptr<const KvReader> snapshot,
             std::map<std::string, uint64_t, std::less<>> complete)
      : table_(table), snapshot_(std::move(snapshot)), complete_(std::move(complete)) {}

  absl::StatusOr<std::optional<RecordView>> Get(const RecordType& type,
                                                const RecordId& id) const override {
    ASSIGN_OR_RETURN(const auto found, table_->Find(*snapshot_, type.type_id(), id));
    if (!found.has_value()) return std::nullopt;
    return View(type, id, found->partition, found->bytes);
  }

  std::unique_ptr<RecordCursor> Scan(const RecordType& type, const Scope& within) const override;
  std::unique_ptr<RecordCursor> Lookup(const RecordType& type, const IndexRange& range,
                                       const Scope& within) const override;

  absl::StatusOr<uint64_t> Count(const RecordType& type) const override {
    ASSIGN_OR_RETURN(const auto count, snapshot_->Get(Table::kMeta, CountKey(type.type_id())));
    return count.has_value() ? NumberOf(*count) : 0;
  }

  const KvReader& snapshot() const { return *snapshot_; }

  // Nullopt: deleted.
  absl::StatusOr<std::optional<RecordView>> View(const RecordType& type, const RecordId& id,
                                                 absl::string_view partition,
                                                 absl::string_view bytes) const {
    auto storage = DecodeStorage(&type, bytes);
    if (!storage.ok())
      return Annotate(storage.status(), absl::StrCat("read ", type.name(), " ", id.ToString()));
    const Record& record = storage->visible();
    if (!record.is_live()) return std::nullopt;
    RecordView view;
    view.type_id = type.type_id();
    view.id = id;
    view.scope = record.scope();
    view.message = record.Message();
    view.created = record.created();
    view.updated = record.updated();
    view.pending = storage->view.has_value();
    view.data_class = record.data_class;
    view.conflicts = record.conflicts;
    const auto complete = complete_.find(partition);
    view.seen = std::max(storage->seen, complete == complete_.end() ? 0 : complete->second);
    return view;
  }

 private:
  const RecordTable* const table_;
  const std::unique_ptr<const KvReader> snapshot_;
  const std::map<std::string, uint64_t, std::less<>> complete_;
};

class KvRecordCursor final : public CheckedCursor {
 public:
  // `each_once`: a record may have several entries in the ranges.
  KvRecordCursor(const KvReadView* view, const RecordType* type, Scope within,
                 std::vector<KeyRange> ranges, bool each_once)
      : view_(view),
        type_(type),
        within_(std::move(within)),
        ranges_(std::move(ranges)),
        each_once_(each_once) {}

  absl::StatusOr<std::optional<RecordView>> Next() override {
    while (true) {
      ASSIGN_OR_RETURN(const bool more, Advance());
      if (!more) return std::nullopt;
      RETURN_IF_ERROR(Look());
      ASSIGN_OR_RETURN(std::optional<RecordView> record, Current());
      if (!record.has_value() || !IsWithin(record->scope)) continue;
      return record;
    }
  }

 private:
  const KeyRange& range() const { return ranges_[next_range_ - 1]; }

  bool IsWithin(absl::string_view scope) const {
    return within_.empty() || FeedCovers(within_.path(), v1::BELOW, scope);
  }

  // To the next key; false at the end.
  absl::StatusOr<bool> Advance() {
    if (it_ != nullptr) it_->Next();
    while (it_ == nullptr || !it_->Valid()) {
      if (it_ != nullptr) RETURN_IF_ERROR(it_->status());
      if (next_range_ == ranges_.size()) return false;
      const KeyRange& next = ranges_[next_range_++];
      it_ = view_->snapshot().Iterate(next.table, next.begin, next.end);
      it_->SeekToFirst();
    }
    return true;
  }

  // Nullopt: nothing live here, or already given.
  absl::StatusOr<std::optional<RecordView>> Current() {
    if (range().table == Table::kRecords) {
      RecordKeyParts parts;
      if (!ParseRecordKey(it_->key(), &parts)) return absl::DataLossError("a key is damaged");
      return view_->View(*type_, parts.id, range().partition, it_->value());
    }
    const RecordId id = IdOfIndexKey(it_->key());
    if (each_once_ && !given_.insert(id).second) return std::nullopt;
    ASSIGN_OR_RETURN(
        const auto bytes,
        view_->snapshot().Get(Table::kRecords, RecordKey(range().partition, type_->type_id(), id)));
    if (!bytes.has_value()) {
      return absl::DataLossError(absl::StrCat("read ", type_->name(), " ", id.ToString(),
                                              ": an index entry names no record"));
    }
    return view_->View(*type_, id, range().partition, *bytes);
  }

  const KvReadView* const view_;
  const RecordType* const type_;
  const Scope within_;
  const std::vector<KeyRange> ranges_;
  const bool each_once_;
  size_t next_range_ = 0;
  std::unique_ptr<KvIterator> it_;
  absl::flat_hash_set<RecordId> given_;
};

KeyRange IndexRangeOf(const std::string& partition, uint32_t type_id, const IndexRange& range) {
  const std::string prefix = IndexPrefix(partition, type_id, range.field);
  return {partition, Table::kIndex, IndexBound(prefix, range.lower),
          range.upper.empty() ? PrefixEnd(prefix) : IndexBound(prefix, range.upper)};
}

// A path and what lies below it: '0' follows '/', and no segment holds a byte below '0'.
IndexRange ScopeSubtree(const Scope& scope) {
  const std::string prefix = EncodeIndexStringPrefix(scope.path());
  return {kScopeFieldNumber, prefix, absl::StrCat(prefix, "0")};
}

std::unique_ptr<RecordCursor> KvReadView::Scan(const RecordType& type, const Scope& within) const {
  std::vector<KeyRange> ranges;
  for (const std::string& partition : table_->Partitions()) {
    const bool is_home = IsHome(within, partition);
    if (!is_home && table_->keeps_feeds()) continue;
    if (!is_home || (!within.empty() && within.depth() > 2)) {
      ranges.push_back(IndexRangeOf(partition, type.type_id(), ScopeSubtree(within)));
      continue;
    }
    const std::string prefix = RecordPrefix(partition, type.type_id());
    ranges.push_back({partition, Table::kRecords, prefix, PrefixEnd(prefix)});
  }
  return std::make_unique<KvRecordCursor>(this, &type, within, std::move(ranges), false);
}

std::unique_ptr<RecordCursor> KvReadView::Lookup(const RecordType& type, const IndexRange& range,
                                                 const Scope& within) const {
  std::vector<KeyRange> ranges;
  for (const std::string& partition : table_->Partitions()) {
    if (IsHome(within, partition) || !table_->keeps_feeds())
      ranges.push_back(IndexRangeOf(partition, type.type_id(), range));
  }
  const FieldType* field = type.FindField(range.field);
  const bool each_once =
      field != nullptr && (field->rules.search() || field->descriptor->is_repeated());
  return std::make_unique<KvRecordCursor>(this, &type, within, std::move(ranges), each_once);
}

}  // namespace

std::unique_ptr<ReadView> MakeKvReadView(const RecordTable* table,
                                         std::unique_ptr<const KvReader> snapshot,
                                         std::map<std::string, uint64_t, std::less<>> complete) {
  return std::make_unique<KvReadView>(table, std::move(snapshot), std::move(complete));
}

}  // namespace brigada
