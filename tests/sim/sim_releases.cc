// Administrators who look through the quarantine and release what they find there, of which they
// may and of which they may not.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "server/directory.h"
#include "server/quarantine.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

// Administers everything, until somebody revokes that.
constexpr char kReleaser[] = "irma";

}  // namespace

void SimWorld::AddReleaser() {
  if (!scenario_.has(Fault::kReleases)) return;
  oracle_.LetJudgementsFail();
  v1::GrantRecord grant;
  grant.set_user(kReleaser);
  grant.set_role("administrator");
  grant.add_scopes("MX");
  grant.set_from_ms(absl::ToUnixMillis(server_->clock().Now()));
  const auto id = AddGrant(server_->store(), grant, server_->random());
  CHECK(id.ok());
  grant.set_id(*id);
  grants_.push_back(grant);
  oracle_.PutGrants(grants_);
}

// At a store that went back it could be one that waits for a record, which is tried but once.
int SimWorld::DrawFault(const SimRandom& random) const {
  SimRandom fault = random.Fork("fault");
  if (!scenario_.has(Fault::kReleases) || !fault.Chance(400)) return -1;
  if (server_->store().CurrentEpoch().floor() > 0) return -1;
  return static_cast<int>(fault.Uniform(3));
}

void SimWorld::TakeRelease(SimRandom* random) {
  if (!server_->is_up()) return;
  auto page = server_->store().ListQuarantine("", 100);
  if (!page.ok()) return;
  // They can tell what is no work.
  std::erase_if(page->sets, [&](const QuarantinedSet& set) { return set.replica == attacker_; });
  std::vector<std::string> places;
  v1::ReleaseQuarantinedRequest request;
  const bool is_repeat = random->Chance(250) || page->sets.empty();
  if (is_repeat && releases_.empty()) return;
  if (is_repeat) {
    request = releases_[random->Uniform(releases_.size())];
  } else {
    const QuarantinedSet& set = page->sets[random->Uniform(page->sets.size())];
    request.set_partition(set.partition);
    request.set_replica(set.replica.AsBytes());
    request.set_sequence(set.sequence);
    places = set.scopes;
  }
  const std::string user = random->Chance(700) ? std::string(kReleaser)
                                               : devices_[random->Uniform(devices_.size())]->user;
  Release(request, user, places);
}

// The server went back behind its release; a device that retained no copy of it any more has left
// it to the server.
bool SimWorld::IsKeptAgain(const SetName& name, const WrittenSet& set) const {
  const bool was_released =
      std::any_of(releases_.begin(), releases_.end(), [&](const auto& release) {
        return release.replica() == name.replica && release.partition() == name.partition &&
               release.sequence() == name.sequence;
      });
  if (!was_released || set.verdict->outcome() != v1::QUARANTINED) return false;
  const auto kept = server_->store().FindQuarantined(
      name.partition, *ReplicaId::FromBytes(name.replica), name.sequence);
  return kept.ok() && kept->has_value() &&
         (*kept)->kept.change_set().body() == oracle_.Scrubbed(set.body).SerializeAsString();
}

bool SimWorld::IsInQuarantine(const RecordName& name) const {
  const auto page = server_->store().ListQuarantine("", 10'000);
  CHECK(page.ok());
  return std::any_of(page->sets.begin(), page->sets.end(), [&](const QuarantinedSet& set) {
    v1::ChangeSetBody body;
    CHECK(body.ParseFromString(set.kept.change_set().body()));
    return std::any_of(body.changes().begin(), body.changes().end(), [&](const v1::Change& change) {
      return change.type_id() == name.type && change.record_id() == name.id;
    });
  });
}

void SimWorld::Release(const v1::ReleaseQuarantinedRequest& request, const std::string& user,
                       const std::vector<std::string>& places) {
  AuthorityStore& store = server_->store();
  const absl::Time now = server_->clock().Now();
  const ReplicaId replica = *ReplicaId::FromBytes(request.replica());
  const auto grants = GrantsOf(store, user);
  const auto before = store.FindVerdict(replica, request.partition(), request.sequence());
  if (!grants.ok() || !before.ok()) return;
  const bool was_released = before->has_value() && (*before)->verdict().released_ms() != 0;
  const auto kept = store.FindQuarantined(request.partition(), replica, request.sequence());
  const uint64_t head = store.Head(request.partition());
  last_commit_try_ = now;
  oracle_.NoteTime(now);
  const auto release = ReleaseQuarantined(store, user, *grants, request, now);
  // Nobody sends a release again, nor one of which nobody was told.
  v1::ChangeSetBody body;
  if (kept.ok() && kept->has_value() && body.ParseFromString((*kept)->kept.change_set().body()))
    NoteOneWay(body);
  trace_.Add(static_cast<uint64_t>(release.status().code()));
  const bool is_answer =
      absl::IsNotFound(release.status()) || absl::IsFailedPrecondition(release.status());
  Expect(release.ok() || is_answer || server_has_trouble_,
         absl::StrCat("a release failed: ", release.status().ToString()));
  if (!release.ok()) return;
  const v1::ReleaseQuarantinedResponse& said = release->response;
  const bool is_applied = said.outcome() == v1::APPLIED || said.outcome() == v1::MERGED;
  Expect(was_released == said.was_released(), "I2: a change set was released twice");
  Expect(is_applied || said.refusals_size() > 0, "I10: what stays in quarantine has no reason");
  if (!is_applied || said.was_released()) {
    Expect(store.Head(request.partition()) == head, "I2: what was not released has a commit");
    return;
  }
  ++result_.releases;
  releases_.push_back(request);
  // I9: by the permission table as it is now.
  for (const std::string& place : places) {
    Expect(oracle_.MayWrite(user, place, {now, oracle_.LastRevocation(user)}, now),
           absl::StrCat("I9: a change set was released in ", place, " without a grant there"));
  }
  for (const std::string& partition : store.Partitions())
    NoticeLateVerdicts(partition, store.Head(partition) + 1);
  CheckTouched();
  server_->OnNewHeads(release->partitions);
}

}  // namespace brigada
