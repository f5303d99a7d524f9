// Administrators, who give and take rights, and the attacker, who replays and forges frames.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/crypto/hash_chain.h"
#include "replica/sync/codec.h"
#include "replica/sync/session_limits.h"
#include "server/directory.h"
#include "tests/sim/sim_world.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr std::array<const char*, 5> kRoles = {"coordinator", "coordinator", "administrator",
                                               "organizer", "auditor"};
constexpr std::array<const char*, 7> kScopes = {"MX/20/067", "MX/20/067", "MX/20/039",  "MX/20",
                                                "MX/09/003", "MX/09",     "MX/20/067/1"};

void FlipBits(std::string* victim, SimRandom* random) {
  for (uint64_t flips = 1 + random->Uniform(3); flips > 0 && !victim->empty(); --flips) {
    char& byte = (*victim)[random->Uniform(victim->size())];
    byte = static_cast<char>(byte ^ (1 << random->Uniform(8)));
  }
}

// Sessions learn of a revocation after it is durable: until then they have to find out themselves.
bool IsTold(const SimRandom& random) { return random.Fork("told").Chance(500); }

}  // namespace

void SimWorld::AfterAdministration(const absl::Status& status) {
  Expect(status.ok() || server_has_trouble_,
         absl::StrCat("an administrative call failed: ", status.ToString()));
  if (!status.ok() && !absl::IsResourceExhausted(status)) is_directory_unsure_ = true;
}

void SimWorld::TakeGrant(SimDevice* device, SimRandom* random) {
  if (!server_->is_up()) return;
  const int64_t now_ms = absl::ToUnixMillis(server_->clock().Now());
  v1::GrantRecord grant;
  grant.set_user(device->user);
  grant.set_role(kRoles[random->Uniform(kRoles.size())]);
  grant.add_scopes(kScopes[random->Uniform(kScopes.size())]);
  if (random->Chance(300)) grant.add_scopes(kScopes[random->Uniform(kScopes.size())]);
  grant.set_from_ms(now_ms);
  if (scenario_.has(Fault::kTimedGrants) && random->Chance(500)) {
    if (random->Chance(400))
      grant.set_from_ms(now_ms + static_cast<int64_t>(random->Uniform(100'000)));
    grant.set_until_ms(grant.from_ms() + static_cast<int64_t>(random->Uniform(100'000)));
  }
  const auto id = AddGrant(server_->store(), grant, server_->random());
  AfterAdministration(id.status());
  if (!id.ok()) return;
  const bool is_known = std::any_of(grants_.begin(), grants_.end(),
                                    [&](const v1::GrantRecord& g) { return g.id() == *id; });
  grant.set_id(*id);
  if (!is_known) grants_.push_back(grant);
  oracle_.PutGrants(grants_);
  server_->OnUserChanged(device->user);
}

void SimWorld::TakeRevoke(SimRandom* random) {
  if (!server_->is_up() || grants_.empty()) return;
  v1::GrantRecord& grant = grants_[random->Uniform(grants_.size())];
  const absl::Time now = server_->clock().Now();
  const absl::Status revoked = RevokeGrant(server_->store(), grant.id(), now);
  AfterAdministration(revoked);
  if (!revoked.ok()) return;
  if (grant.revoked_ms() == 0) {
    grant.set_revoked_ms(absl::ToUnixMillis(now));
    grant.set_revocation(oracle_.NextRevocation(grant.user(), now));
  }
  oracle_.PutGrants(grants_);
  SimRandom clock = random->Fork("clock");
  if (scenario_.has(Fault::kServerClock) && clock.Chance(400)) SetServerClockBack(&clock);
  if (IsTold(*random)) server_->OnUserChanged(grant.user());
}

void SimWorld::TakeLoss(SimDevice* device, const SimRandom& random) {
  const auto lost = std::count_if(devices_.begin(), devices_.end(),
                                  [](const auto& other) { return other->is_revoked; });
  if (!server_->is_up() || lost > 0) return;
  const int64_t now_ms = absl::ToUnixMillis(server_->clock().Now());
  const absl::Status revoked =
      EditDevice(server_->store(), device->replica,
                 [&](v1::DeviceRecord& record) { record.set_revoked_ms(now_ms); });
  AfterAdministration(revoked);
  // After a failure it may be revoked or not; either is right from then on.
  for (const auto& other : devices_)
    if (other->replica == device->replica) other->is_revoked = revoked.ok() || is_directory_unsure_;
  if (revoked.ok() && IsTold(random)) server_->OnReplicaChanged(device->replica);
}

std::vector<std::string> SimWorld::HeardFrom(const ReplicaId& speaker) const {
  std::vector<std::string> frames;
  for (const auto& [replica, bytes] : heard_)
    if (replica == speaker) frames.push_back(bytes);
  return frames;
}

void SimWorld::TakeAttack(SimRandom* random) {
  if (!server_->is_up() || heard_.empty() || known_.empty()) return;
  v1::ClientFrame hello;
  hello.mutable_hello()->set_protocol_version(kProtocolVersion);
  hello.mutable_hello()->set_replica(attacker_.AsBytes());
  switch (random->Uniform(4)) {
    case 0: {
      // The key was stolen too: old frames of the device, as far as they were heard, on a new
      // stream.
      const ReplicaId speaker = heard_[random->Uniform(heard_.size())].first;
      std::vector<std::string> frames;
      for (const std::string& heard : HeardFrom(speaker))
        if (frames.empty() || random->Chance(600)) frames.push_back(heard);
      return Speak(speaker, frames, random);
    }
    case 1: {
      std::vector<std::string> frames = {hello.SerializeAsString()};
      for (int i = 0; i < 4; ++i) frames.push_back(heard_[random->Uniform(heard_.size())].second);
      return Speak(attacker_, frames, random);
    }
    case 2: {
      const ReplicaId speaker = heard_[random->Uniform(heard_.size())].first;
      std::vector<std::string> frames = HeardFrom(speaker);
      frames.resize(std::min<size_t>(frames.size(), 6));
      FlipBits(&frames[random->Uniform(frames.size())], random);
      return Speak(speaker, frames, random);
    }
    default: {
      std::vector<std::string> frames = {hello.SerializeAsString()};
      for (int i = 0; i < 3; ++i) frames.push_back(ForgedPush(random));
      return Speak(attacker_, frames, random);
    }
  }
}

// A push with a valid signature and chain of the attacker's own, who may write nothing anywhere.
std::string SimWorld::ForgedPush(SimRandom* random) {
  const std::string partition = "MX/20";
  v1::ChangeSetHeader header;
  const bool claims_another = random->Chance(300);
  const bool is_elsewhere = random->Chance(200);
  header.set_replica(claims_another ? devices_[0]->replica.AsBytes() : attacker_.AsBytes());
  header.set_sequence(random->Chance(800) ? attacker_sequence_ + 1 : random->Uniform(50));
  header.set_partition(is_elsewhere ? "MX/09" : partition);
  header.set_user(random->Chance(700) ? "mallory" : devices_[0]->user);
  header.set_stamp(random->Next());
  header.mutable_position()->set_sequence(random->Uniform(100));
  header.mutable_position()->set_server_time_ms(static_cast<int64_t>(random->Next() >> 20));
  v1::ChangeSetBody body;
  for (uint64_t n = 1 + random->Uniform(3); n > 0 && !known_.empty(); --n) {
    const RecordName& name = known_[random->Uniform(known_.size())];
    v1::Change& change = *body.add_changes();
    change.set_type_id(name.type);
    change.set_record_id(random->Chance(700) ? name.id : NewRandomId<RecordId>(*random).AsBytes());
    change.set_kind(static_cast<v1::Change::Kind>(random->Uniform(3)));
    if (change.kind() == v1::Change::CREATE || random->Chance(300)) change.set_scope("MX/20/067");
    testing::Sample sample;
    sample.set_title("forged");
    sample.set_tally(1'000'000);
    if (name.type == SimRegistry().FindByName("Sample")->type_id())
      change.set_values(sample.SerializeAsString());
  }
  v1::PushBody push;
  v1::ChangeSet& set = *push.add_change_sets();
  set.set_header(header.SerializeAsString());
  set.set_salt("salt");
  set.set_body(body.SerializeAsString());
  ChainValue chain = ChainStart(attacker_.bytes(), partition);
  if (attacker_chain_.size() == chain.size()) {
    std::copy(attacker_chain_.begin(), attacker_chain_.end(),
              reinterpret_cast<char*>(chain.data()));
  }
  chain = NextChain(chain, set.header(), BodyHash(set.salt(), set.body()));
  const std::string after(AsView(chain));
  if (!is_elsewhere && !claims_another && header.sequence() == attacker_sequence_ + 1) {
    // Should it arrive, it is refused, and counts.
    const SetName name{attacker_.AsBytes(), partition, header.sequence()};
    WrittenSet written;
    written.header = header;
    written.body = body;
    written.header_bytes = set.header();
    oracle_.Write(name, std::move(written));
  }
  PackedBody packed = PackBody(push);
  v1::ClientFrame frame;
  frame.mutable_push()->set_partition(partition);
  frame.mutable_push()->set_body(std::move(packed.bytes));
  frame.mutable_push()->set_inflated_bytes(packed.inflated_bytes);
  frame.mutable_push()->set_chain(after);
  frame.mutable_push()->set_signature(
      SimSignature(random->Chance(900) ? attacker_ : devices_[0]->replica, after));
  return frame.SerializeAsString();
}

void SimWorld::Speak(const ReplicaId& certificate, const std::vector<std::string>& frames,
                     SimRandom* random) {
  const std::shared_ptr<SimServer::Stream> stream = server_->Accept(certificate, 4096);
  const auto speaker = std::find_if(devices_.begin(), devices_.end(), [&](const auto& device) {
    return device->replica == certificate;
  });
  const std::string user = speaker == devices_.end() ? "mallory" : (*speaker)->user;
  for (const std::string& bytes : frames) {
    v1::ClientFrame frame;
    // What does not parse ends the stream before a session sees it.
    if (!frame.ParseFromString(bytes) || !stream->wants_frames()) break;
    stream->OnFrame(frame);
    while (const auto answer = stream->NextFrame())
      NoteDownFrame(user, certificate, answer->SerializeAsString(), *answer);
    if (random->Chance(300)) TakeServerWork(random);
    NoticeFailures();
    if (!server_->is_up()) return;
  }
  if (random->Chance(500)) TakeServerWork(random);
  stream->Close();
}

}  // namespace brigada
