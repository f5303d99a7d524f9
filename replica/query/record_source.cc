#include "replica/query/record_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/schema/index_value.h"
#include "replica/store/checked_cursor.h"
#include "replica/store/kv.h"

namespace brigada {
namespace {

// Records read between two looks at the limits.
constexpr uint64_t kStepsPerCheck = 256;

constexpr uint64_t kUnknownCount = 1000;

IndexRange ExactScope(const Scope& scope) {
  const std::string value = EncodeIndexString(scope.path());
  return {kScopeFieldNumber, value, PrefixEnd(value)};
}

const std::string& LongestOf(const std::vector<std::string>& tokens) {
  return *std::max_element(
      tokens.begin(), tokens.end(),
      [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
}

}  // namespace

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

uint64_t QueryContext::CountOf(const RecordType& type) {
  if (view == nullptr) return kUnknownCount;
  const auto known = counts.find(&type);
  if (known != counts.end()) return known->second;
  const auto count = view->Count(type);
  if (!count.ok()) Fail(count.status());
  return counts[&type] = count.ok() ? *count : kUnknownCount;
}

int QueryContext::Declare(sqlite3* database, const std::string& statement) {
  is_declaring = true;
  const int code = sqlite3_declare_vtab(database, statement.c_str());
  is_declaring = false;
  return code;
}

RecordSource::RecordSource(const QueryContext* context, const RecordType* type, RecordPlan plan)
    : context_(context), type_(type), plan_(std::move(plan)), message_(type->NewMessage()) {
  if (plan_.nothing || plan_.id.has_value()) return;
  for (const Region& region : plan_.regions) AddParts(region);
}

void RecordSource::AddParts(const Region& region) {
  // The records of exactly one scope above the caller's are few; an index over its whole subtree
  // would give many that are not the caller's to see.
  if (region.exact) {
    parts_.push_back({region, ExactScope(region.scope)});
    return;
  }
  if (plan_.range.has_value() || plan_.tokens.empty()) {
    parts_.push_back({region, plan_.range});
    return;
  }
  const std::string prefix = EncodeIndexTokenPrefix(LongestOf(plan_.tokens));
  int searched = 0;
  for (const FieldType& field : type_->fields()) {
    if (!field.rules.search() || field.data_class > context_->access->max_class()) continue;
    parts_.push_back({region, IndexRange{field.number, prefix, EndOfPrefix(prefix)}});
    ++searched;
  }
  if (searched > 1) dedupe_ = true;
}

absl::StatusOr<bool> RecordSource::Next() {
  if (plan_.nothing) return false;
  return plan_.id.has_value() ? NextById() : NextOfCursors();
}

absl::StatusOr<bool> RecordSource::NextById() {
  if (id_done_) return false;
  id_done_ = true;
  ASSIGN_OR_RETURN(auto found, context_->view->Get(*type_, *plan_.id));
  if (!found.has_value()) return false;
  const auto in_regions = [&](const Region& region) { return region.Holds(found->scope); };
  if (std::none_of(plan_.regions.begin(), plan_.regions.end(), in_regions)) return false;
  return Accept(*std::move(found));
}

absl::StatusOr<bool> RecordSource::NextOfCursors() {
  while (true) {
    if (cursor_ == nullptr) {
      if (next_part_ == parts_.size()) return false;
      cursor_ = Open(parts_[next_part_++]);
      // What is passed over inside the cursor costs as well.
      if (auto* const checked = dynamic_cast<CheckedCursor*>(cursor_.get()); checked != nullptr)
        checked->set_check(context_->check_limits);
    }
    if (++steps_ % kStepsPerCheck == 0) RETURN_IF_ERROR(context_->check_limits());
    ASSIGN_OR_RETURN(auto next, cursor_->Next());
    if (!next.has_value()) {
      cursor_.reset();
      continue;
    }
    if (!parts_[next_part_ - 1].region.Holds(next->scope)) continue;
    if (dedupe_ && given_.contains(next->id)) continue;
    ASSIGN_OR_RETURN(const bool accepted, Accept(*std::move(next)));
    if (!accepted) continue;
    if (dedupe_) given_.insert(record_.id);
    return true;
  }
}

std::unique_ptr<RecordCursor> RecordSource::Open(const Part& part) const {
  if (part.range.has_value()) return context_->view->Lookup(*type_, *part.range, part.region.scope);
  return context_->view->Scan(*type_, part.region.scope);
}

absl::StatusOr<bool> RecordSource::Accept(RecordView record) {
  const v1::DataClass readable = context_->access->ReadableClass(*type_, record);
  if (readable == v1::DATA_CLASS_UNSPECIFIED) return false;
  record_ = std::move(record);
  readable_ = readable;
  is_parsed_ = false;
  return plan_.tokens.empty() ? true : HasTokens();
}

absl::StatusOr<bool> RecordSource::HasTokens() {
  ASSIGN_OR_RETURN(const google::protobuf::Message* parsed, message());
  std::vector<std::string> values;
  for (const FieldType& field : type_->fields()) {
    if (!field.rules.search() || field.data_class > readable_) continue;
    for (std::string& value : IndexValues(field, *parsed)) values.push_back(std::move(value));
  }
  return std::all_of(plan_.tokens.begin(), plan_.tokens.end(), [&](const std::string& token) {
    const std::string prefix = EncodeIndexTokenPrefix(token);
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return absl::StartsWith(value, prefix); });
  });
}

absl::StatusOr<const google::protobuf::Message*> RecordSource::message() {
  if (!is_parsed_) {
    if (!message_->ParseFromString(record_.message)) {
      return absl::DataLossError(
          absl::StrCat("read ", type_->name(), " ", record_.id.ToString(), ": damaged"));
    }
    is_parsed_ = true;
  }
  return message_.get();
}

}  // namespace brigada
