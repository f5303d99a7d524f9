#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/schema/scope.h"
#include "tests/sim/sim_device.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

// What somebody makes of refused work before it goes again: a part of it stays out, or what was to
// be created is put where its writer may write. Into another state it would go without what
// depends on it, which the model does not know.
std::vector<v1::Change> Edited(const SimDevice& device, const std::string& partition,
                               const v1::ChangeSetBody& body, SimRandom* random) {
  std::vector<std::string> scopes;
  for (const std::string& scope : device.scopes)
    if (Scope::Parse(scope)->partition() == partition) scopes.push_back(scope);
  std::vector<v1::Change> changes(body.changes().begin(), body.changes().end());
  if (changes.size() > 1 && random->Chance(500)) {
    changes.erase(changes.begin() + static_cast<int64_t>(random->Uniform(changes.size())));
    return changes;
  }
  for (v1::Change& change : changes) {
    if (change.kind() == v1::Change::CREATE && !scopes.empty() && random->Chance(500))
      change.set_scope(scopes[random->Uniform(scopes.size())]);
  }
  return changes;
}

}  // namespace

// By hand, and often once more while the one before is on its way or has been released.
void SimWorld::TakeRetry(SimDevice* device, SimRandom* random) {
  if (device->store == nullptr) return;
  const auto rejected = device->store->Rejected();
  if (!rejected.ok() || rejected->empty()) return;
  const v1::ChangeSet& chosen = (*rejected)[random->Uniform(rejected->size())].change_set();
  v1::ChangeSetHeader header;
  v1::ChangeSetBody body;
  CHECK(header.ParseFromString(chosen.header()) && body.ParseFromString(chosen.body()));
  std::vector<v1::Change> edited;
  // Where nothing is modelled, all that was ever made has to arrive or to be in a list; and what
  // becomes of an edited try of released work is not.
  const bool may_edit = is_modelled() && !scenario_.has(Fault::kReleases);
  if (may_edit && random->Chance(400)) edited = Edited(*device, header.partition(), body, random);
  if (!edited.empty()) {
    for (const v1::Change& change : body.changes())
      device->given_up.insert({change.type_id(), change.record_id()});
  }

  const auto receipts =
      device->store->Resubmit(header.partition(), header.sequence(), std::move(edited));
  if (!receipts.ok()) {
    Expect(IsAnswer(receipts.status()) || IsExcused(device, receipts.status()),
           absl::StrCat("sending again: ", receipts.status().ToString()));
    if (device->has_trouble && !IsAnswer(receipts.status()) &&
        !absl::IsResourceExhausted(receipts.status()))
      StopDevice(device);
    return;
  }
  for (const CommitReceipt& receipt : *receipts) NoteCommit(device, receipt, true);
  if (device->link != nullptr) device->link->device().OnCommit();
}

}  // namespace brigada
