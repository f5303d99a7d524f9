#include "tests/unit/merge/history.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

const Registry& TestRegistry() {
  static const Registry& registry = *[] {
    auto built =
        Registry::Build({testing::Sample::descriptor(), testing::SampleAppend::descriptor()});
    CHECK(built.ok());
    return std::move(built).value().release();
  }();
  return registry;
}

v1::Change ChangeOf(v1::Change::Kind kind) {
  v1::Change change;
  change.set_type_id(SampleType().type_id());
  change.set_record_id(SampleId().AsBytes());
  change.set_kind(kind);
  return change;
}

std::string Serialized(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  CHECK(message.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

std::vector<CitedConflict> CitedBy(const v1::Change& change,
                                   const std::vector<ConflictEvent>& ledger) {
  std::vector<CitedConflict> cited;
  for (const std::string& id : change.resolves()) {
    for (const ConflictEvent& event : ledger) {
      if (event.id.bytes() != id) continue;
      cited.push_back({event.id, event.field, {event.entry.winner().value()}});
      for (const v1::Contender& loser : event.entry.losers()) {
        cited.back().values.push_back(loser.value());
        if (event.field != 0 || loser.deletion()) continue;
        WriteRef& parked = cited.back().parked.emplace_back();
        parked.replica = *ReplicaId::FromBytes(loser.replica());
        parked.sequence = loser.sequence();
      }
    }
  }
  return cited;
}

std::string Filled(const Fill& fill) {
  testing::Sample sample;
  fill(sample);
  return Serialized(sample);
}

}  // namespace

const RecordType& SampleType() { return *TestRegistry().FindByName("Sample"); }
const RecordType& AppendType() { return *TestRegistry().FindByName("SampleAppend"); }

ReplicaId Replica(char letter) {
  std::array<uint8_t, 16> bytes{};
  bytes.fill(static_cast<uint8_t>(letter));
  return ReplicaId(bytes);
}

RecordId SampleId() { return DerivedRecordId({"sample"}); }

v1::Change Create(const Fill& fill, const std::string& scope) {
  v1::Change change = ChangeOf(v1::Change::CREATE);
  change.set_scope(scope);
  change.set_values(Filled(fill));
  return change;
}

v1::Change Edit(const Fill& fill) {
  v1::Change change = ChangeOf(v1::Change::EDIT);
  change.set_values(Filled(fill));
  return change;
}

v1::Change Move(const std::string& scope) {
  v1::Change change = ChangeOf(v1::Change::EDIT);
  change.set_scope(scope);
  return change;
}

v1::Change Clear(uint32_t field) {
  v1::Change change = ChangeOf(v1::Change::EDIT);
  change.add_cleared(field);
  return change;
}

v1::Change Remove(const Fill& fill) {
  v1::Change change = ChangeOf(v1::Change::EDIT);
  change.set_removed(Filled(fill));
  return change;
}

v1::Change Delete() { return ChangeOf(v1::Change::DELETE); }

v1::Change Resolving(const RecordId& conflict, v1::Change change) {
  if (change.record_id().empty()) change = ChangeOf(v1::Change::EDIT);
  change.add_resolves(conflict.AsBytes());
  return change;
}

Fill Title(const std::string& title) {
  return [=](testing::Sample& sample) { sample.set_title(title); };
}
Fill Code(const std::string& code) {
  return [=](testing::Sample& sample) { sample.set_code(code); };
}
Fill Folio(const std::string& folio) {
  return [=](testing::Sample& sample) { sample.set_folio(folio); };
}

Fill Peak(int64_t peak) {
  return [=](testing::Sample& sample) { sample.set_peak(peak); };
}
Fill Low(int64_t low) {
  return [=](testing::Sample& sample) { sample.set_low(low); };
}
Fill Tally(int64_t amount) {
  return [=](testing::Sample& sample) { sample.set_tally(amount); };
}
Fill Tag(const std::string& tag) {
  return [=](testing::Sample& sample) { sample.add_tags(tag); };
}
Fill Note(const std::string& key, const std::string& text) {
  return [=](testing::Sample& sample) { (*sample.mutable_notes())[key] = text; };
}
Fill State(testing::SampleState state) {
  return [=](testing::Sample& sample) { sample.set_state(state); };
}

WriteRef WriteBy(const By& by, uint64_t sequence) {
  WriteRef write;
  write.stamp = Hlc{static_cast<uint64_t>(by.stamp_ms) << 16};
  write.replica = Replica(by.replica);
  write.user = std::string("user-") + by.replica;
  write.origin_sequence = by.origin;
  write.sequence = sequence;
  return write;
}

ApplyResult History::Commit(const v1::Change& change, const By& by) {
  WriteContext context;
  By named = by;
  uint64_t& origin = origins_[static_cast<uint8_t>(by.replica)];
  if (named.origin == 0) named.origin = origin + 1;
  origin = named.origin;
  context.write = WriteBy(named, ++sequence_);
  context.seen = by.seen;
  context.cited = CitedBy(change, ledger_);
  ApplyResult result = Apply(change, context);
  for (const ConflictEvent& event : result.conflicts) {
    const auto known = std::find_if(ledger_.begin(), ledger_.end(),
                                    [&](const ConflictEvent& e) { return e.id == event.id; });
    if (known == ledger_.end()) {
      ledger_.push_back(event);
    } else {
      ExtendConflict(event.entry, &known->entry);
    }
  }
  return result;
}

const v1::Conflict& History::Entry(const RecordId& id) const {
  const auto known = std::find_if(ledger_.begin(), ledger_.end(),
                                  [&](const ConflictEvent& event) { return event.id == id; });
  CHECK(known != ledger_.end());
  return known->entry;
}

ApplyResult History::Apply(const v1::Change& change, const WriteContext& context) {
  auto result = ApplyChange(type_, change, context, 0, &record_);
  EXPECT_OK(result);
  return result.ok() ? *std::move(result) : ApplyResult();
}

testing::Sample History::message() const {
  testing::Sample sample;
  EXPECT_TRUE(sample.ParseFromString(record_.Message()));
  return sample;
}

std::string EncodedBytes(const Record& record) { return Serialized(EncodeRecord(record)); }

}  // namespace brigada
