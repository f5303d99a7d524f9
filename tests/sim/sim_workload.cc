#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/check.h"
#include "replica/schema/diff.h"
#include "replica/store/keys.h"
#include "tests/sim/sim_device.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr int kUnknownField = 999;
constexpr std::array<const char*, 7> kScopes = {"MX/20",     "MX/20/067",   "MX/20/039", "MX/09",
                                                "MX/09/003", "MX/20/067/1", "MX"};

class Workload {
 public:
  Workload(SimDevice* device, bool crosses_states, std::vector<RecordName>* known,
           SimRandom* random)
      : device_(*device), crosses_states_(crosses_states), known_(*known), random_(*random) {
    auto view = device->store->Read();
    CHECK(view.ok());
    view_ = *std::move(view);
  }

  std::optional<v1::Change> Create();
  std::optional<v1::Change> Edit(const WorkKinds& kinds);

 private:
  std::string DrawScope() {
    if (random_.Chance(900)) return device_.scopes[random_.Uniform(device_.scopes.size())];
    return kScopes[random_.Uniform(kScopes.size())];
  }
  std::string DrawText(const char* prefix) { return absl::StrCat(prefix, random_.Uniform(40)); }
  // A record the device sees; null when a few tries find none.
  std::optional<RecordView> Pick();
  void EditSample(const std::string& id, testing::Sample* sample);

  static bool IsSample(const RecordView& record) {
    return SimRegistry().Find(record.type_id)->name() == "Sample";
  }
  // What derived ids are made of stays in its state: else the same fact would get two records.
  static bool Stays(const RecordView& record) { return record.id.AsBytes().back() % 2 == 0; }

  SimDevice& device_;
  const bool crosses_states_;
  std::vector<RecordName>& known_;
  SimRandom& random_;
  std::unique_ptr<ReadView> view_;
};

std::optional<RecordView> Workload::Pick() {
  for (int tries = 0; tries < 6 && !known_.empty(); ++tries) {
    // Mostly the first ones and the newest: that is where writers meet.
    size_t at = random_.Uniform(known_.size());
    if (random_.Chance(400)) at = random_.Uniform(std::min<size_t>(5, known_.size()));
    if (random_.Chance(400))
      at = known_.size() - 1 - random_.Uniform(std::min<size_t>(5, known_.size()));
    const RecordName& name = known_[at];
    auto record = view_->Get(*SimRegistry().Find(name.type), *RecordId::FromBytes(name.id));
    if (record.ok() && record->has_value()) return **std::move(record);
  }
  return std::nullopt;
}

std::optional<v1::Change> Workload::Create() {
  const uint64_t draw = random_.Uniform(10);
  const RecordId id = NewRecordId(device_.clock.Now(), random_);
  const auto make = [&](const char* type, const google::protobuf::Message& message) {
    auto change =
        CreateChange(*SimRegistry().FindByName(type), id, *Scope::Parse(DrawScope()), message);
    if (!change.ok()) return std::optional<v1::Change>();
    known_.push_back({change->type_id(), change->record_id()});
    return std::make_optional(*std::move(change));
  };
  if (draw < 7) {
    testing::Sample sample;
    EditSample(id.AsBytes(), &sample);
    EditSample(id.AsBytes(), &sample);
    if (random_.Chance(900))
      sample.set_state(random_.Chance(500) ? testing::DRAFT : testing::SAMPLE_STATE_UNSPECIFIED);
    return make("Sample", sample);
  }
  // Between a verdict that took the place from a create and the entry that says where the record
  // is, it is nowhere.
  const std::optional<RecordView> about = Pick();
  const bool has_place = about.has_value() && !about->scope.empty();
  if (draw < 8 || !has_place || (crosses_states_ && !Stays(*about))) {
    testing::SampleAppend append;
    append.set_text(DrawText("append") + SimMark(id.AsBytes()));
    append.add_tags(DrawText("tag"));
    return make("SampleAppend", append);
  }
  testing::SamplePair pair;
  pair.set_left(about->id.AsBytes());
  pair.set_right(about->id.AsBytes());
  pair.set_times(1 + static_cast<int64_t>(random_.Uniform(3)));
  pair.set_rank(static_cast<testing::SampleRank>(random_.Uniform(4)));
  // The same fact lives in the same place, or it would be found in two partitions.
  auto change = CreateChange(*SimRegistry().FindByName("SamplePair"), RecordId(),
                             *Scope::Parse(about->scope), pair);
  if (!change.ok() || about->type_id == change->type_id()) return std::nullopt;
  known_.push_back({change->type_id(), change->record_id()});
  return *std::move(change);
}

void Workload::EditSample(const std::string& id, testing::Sample* sample) {
  uint64_t field = random_.Uniform(13);
  constexpr std::array<uint64_t, 5> kFew = {0, 2, 3, 10, 11};
  if (device_.is_focused && random_.Chance(600)) field = kFew[random_.Uniform(kFew.size())];
  switch (field) {
    case 0:
    case 1:
      sample->set_title(random_.Chance(100) ? "" : DrawText("title"));
      break;
    case 2:
      sample->set_code(DrawText("AA"));
      break;
    case 3:
      sample->set_peak(static_cast<int64_t>(random_.Uniform(100)));
      break;
    case 4:
      sample->set_low(-static_cast<int64_t>(random_.Uniform(100)));
      break;
    case 5:
    case 6:
      sample->set_tally(sample->tally() + 1 + static_cast<int64_t>(random_.Uniform(5)));
      break;
    case 7:
    case 8:
      if (sample->tags_size() > 0 && random_.Chance(500)) {
        sample->mutable_tags()->RemoveLast();
      } else {
        sample->add_tags(DrawText("tag"));
      }
      break;
    case 9:
      if (sample->notes_size() > 0 && random_.Chance(300)) {
        sample->mutable_notes()->clear();
      } else {
        (*sample->mutable_notes())[absl::StrCat("k", random_.Uniform(3))] = DrawText("note");
      }
      break;
    case 10:
      sample->set_state(static_cast<testing::SampleState>(random_.Uniform(4)));
      break;
    case 11:
      sample->mutable_body()->set_head(DrawText("head") + SimMark(id));
      break;
    default:
      if (!device_.is_newer) break;
      sample->GetReflection()->MutableUnknownFields(sample)->DeleteByNumber(kUnknownField);
      sample->GetReflection()->MutableUnknownFields(sample)->AddLengthDelimited(kUnknownField,
                                                                                DrawText("newer"));
      break;
  }
}

std::optional<v1::Change> Workload::Edit(const WorkKinds& kinds) {
  const std::optional<RecordView> record = Pick();
  if (!record.has_value()) return std::nullopt;
  const RecordType& type = *SimRegistry().Find(record->type_id);
  const RecordName name{record->type_id, record->id.AsBytes()};
  const auto before = type.NewMessage();
  const auto after = type.NewMessage();
  CHECK(before->ParseFromString(record->message) && after->ParseFromString(record->message));
  if (auto* sample = dynamic_cast<testing::Sample*>(after.get())) EditSample(name.id, sample);
  if (auto* pair = dynamic_cast<testing::SamplePair*>(after.get()))
    pair->set_times(pair->times() + 1);
  auto change = DiffMessages(type, *before, *after);
  if (!change.ok()) return std::nullopt;
  change->set_type_id(record->type_id);
  change->set_record_id(name.id);
  if (kinds.moves && random_.Chance(100)) {
    const std::string scope = DrawScope();
    const bool is_near = PartitionOfScope(scope) == PartitionOfScope(record->scope);
    const bool may_cross = crosses_states_ && IsSample(*record) && !Stays(*record);
    if (is_near || may_cross) change->set_scope(scope);
  }
  if (kinds.deletes && random_.Chance(kinds.often_deletes ? 200 : 60)) {
    change->Clear();
    change->set_type_id(record->type_id);
    change->set_record_id(name.id);
    change->set_kind(v1::Change::DELETE);
  }
  if (!record->conflicts.empty() && random_.Chance(300))
    change->add_resolves(record->conflicts[0].id.AsBytes());
  if (IsEmpty(*change)) return std::nullopt;
  // A form that was opened a while ago says what its user really saw.
  const auto form = device_.forms.find(name);
  if (form == device_.forms.end()) {
    if (random_.Chance(200)) device_.forms[name] = record->seen;
  } else if (random_.Chance(500)) {
    if (form->second != 0) change->set_seen(form->second);
    device_.forms.erase(form);
  }
  return *std::move(change);
}

}  // namespace

const Registry& SimRegistry() {
  static const Registry* const registry = [] {
    const google::protobuf::Descriptor* const types[] = {
        testing::Sample::descriptor(), testing::SampleAppend::descriptor(),
        testing::SamplePair::descriptor(), v1::Conflict::descriptor()};
    auto built = Registry::Build(types);
    CHECK(built.ok());
    return (*std::move(built)).release();
  }();
  return *registry;
}

std::string SimMark(const std::string& record_id) {
  return absl::StrCat("@", absl::BytesToHexString(record_id));
}

std::vector<v1::Change> DrawChanges(SimDevice* device, const WorkKinds& kinds,
                                    std::vector<RecordName>* known, SimRandom* random) {
  Workload workload(device, kinds.crosses_states, known, random);
  std::vector<v1::Change> changes;
  for (uint64_t n = random->Chance(800) ? 1 : 2 + random->Uniform(3); n > 0; --n) {
    std::optional<v1::Change> change =
        random->Chance(120) ? workload.Create() : workload.Edit(kinds);
    if (!change.has_value() && changes.empty()) change = workload.Create();
    if (change.has_value()) changes.push_back(*std::move(change));
  }
  return changes;
}

}  // namespace brigada
