#include "tests/sim/sim_world.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "replica/base/check.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "server/directory.h"
#include "tests/sim/current_history.h"

namespace brigada {
namespace {

struct Post {
  const char* role;
  std::vector<std::string> scopes;
};

// Who the devices' users may be. Organizers may write none of these types, auditors read little.
const std::vector<Post>& Posts() {
  static const auto& posts = *new std::vector<Post>{
      {"coordinator", {"MX/20/067"}},   {"coordinator", {"MX/20/067"}},
      {"coordinator", {"MX/20"}},       {"administrator", {"MX/20"}},
      {"coordinator", {"MX/20/039"}},   {"coordinator", {"MX/20/067", "MX/20/039"}},
      {"coordinator", {"MX/09"}},       {"coordinator", {"MX/20/067", "MX/09/003"}},
      {"organizer", {"MX/20/067"}},     {"auditor", {"MX/20"}},
      {"coordinator", {"MX/20/067/1"}},
  };
  return posts;
}

// Outlasts every history.
constexpr absl::Duration kForever = absl::Hours(24 * 365 * 50);

// The oracle models a record on its way between states only on a server that stays on one line and
// erases nothing. After a commit that failed half-way it learns the verdicts partition by
// partition, and not in which order those of two partitions came: then nothing moves between
// states.
WorkKinds WorkKindsOf(const Scenario& scenario) {
  WorkKinds kinds;
  kinds.moves = scenario.has(Fault::kMoves);
  kinds.deletes = scenario.has(Fault::kDeletes) || scenario.has(Fault::kOldDeletions);
  kinds.often_deletes = scenario.has(Fault::kOldDeletions);
  kinds.crosses_states = kinds.moves && !scenario.has(Fault::kServerCrashes) &&
                         !scenario.has(Fault::kFullDisks) && !scenario.has(Fault::kDiskErrors) &&
                         !scenario.has(Fault::kRestores) && !scenario.has(Fault::kErasures) &&
                         !scenario.has(Fault::kOldDeletions);
  return kinds;
}

}  // namespace

absl::StatusOr<SimResult> RunHistory(const SimRequest& request) {
  NoteHistory(CommandFor(request));
  ASSIGN_OR_RETURN(Scenario scenario, MakeScenario(request));
  SetLogSink([](absl::string_view) {});
  google::protobuf::SetLogHandler(nullptr);  // flipped bits are no valid text
  SimWorld world(request, std::move(scenario));
  return world.Run();
}

SimWorld::SimWorld(const SimRequest& request, Scenario scenario)
    : request_(request),
      scenario_(std::move(scenario)),
      root_(request.seed),
      oracle_(&SimRegistry()) {}

SimWorld::~SimWorld() {
  late_.clear();
  for (const auto& device : devices_) StopDevice(device.get());
}

SimResult SimWorld::Run() {
  SetUp();
  for (size_t i = 0; i < scenario_.steps.size() && result_.failure.empty(); ++i) {
    result_.step = scenario_.origin[i];
    Take(scenario_.steps[i]);
  }
  if (result_.failure.empty()) {
    result_.step = request_.steps;
    Heal();
    Converge();
  }
  result_.trace = trace_.value();
  return result_;
}

std::unique_ptr<SimDisk> SimWorld::NewDisk(StoreKind kind) const {
  return request_.store == SimStore::kMemory ? NewMemorySimDisk(kind) : NewRocksSimDisk(kind);
}

void SimWorld::SetUp() {
  server_ = std::make_unique<SimServer>(&SimRegistry(), NewDisk(StoreKind::kAuthority), &true_us_,
                                        root_.Fork("server").Next());
  server_->set_on_verdict(
      [this](const ReplicaId& replica, const std::string& partition, const v1::Verdict& verdict) {
        NoteVerdict(replica, partition, verdict);
      });
  server_->set_on_run([this] { NoteRun(); });
  CHECK(StartServer());
  AddReleaser();
  for (int i = 0; i < scenario_.devices; ++i) AddDevice(i, root_.Fork(absl::StrCat("device", i)));
  SimRandom random = root_.Fork("attacker");
  attacker_ = NewReplicaId(random);
  const v1::DeviceRecord enrolled =
      SimDeviceRecord(attacker_, "mallory", server_->clock().Now() + kForever);
  const DirectoryWrite write{DirectoryKind::kDevice, enrolled.replica(),
                             enrolled.SerializeAsString(), std::nullopt};
  CHECK(server_->store().WriteEntries({&write, 1}).ok());
  oracle_.PutDevice(attacker_.AsBytes(), "mallory");
}

void SimWorld::AddDevice(int number, SimRandom random) {
  devices_.push_back(
      std::make_unique<SimDevice>(number, NewDisk(StoreKind::kDevice), &true_us_, random.Next()));
  SimDevice& device = *devices_.back();
  if (scenario_.has(Fault::kWrongClocks) && random.Chance(700)) {
    const auto hours = static_cast<int64_t>(random.Uniform(uint64_t{2} * 30 * 365 * 24));
    device.clock.SetSkew(absl::Hours(hours - int64_t{30} * 365 * 24));
  }
  device.is_focused = root_.Fork("focus").Chance(500);
  device.is_newer = scenario_.has(Fault::kUnknownFields) && random.Chance(400);
  device.is_lazy = scenario_.has(Fault::kLazyCommits) && random.Chance(500);
  CHECK(StartDevice(&device));
  device.replica = device.store->replica();

  // The first two read the same, so that what they hold can be compared.
  const Post& post = number < 2 ? Posts()[0] : Posts()[random.Uniform(Posts().size())];
  const bool shares_user = number > 0 && random.Chance(200);
  device.user =
      shares_user ? devices_[static_cast<size_t>(number) - 1]->user : absl::StrCat("user", number);
  device.scopes = post.scopes;
  v1::GrantRecord grant;
  grant.set_user(device.user);
  grant.set_role(post.role);
  grant.mutable_scopes()->Assign(post.scopes.begin(), post.scopes.end());
  grant.set_from_ms(absl::ToUnixMillis(server_->clock().Now()));
  if (!shares_user) {
    const auto id = AddGrant(server_->store(), grant, server_->random());
    CHECK(id.ok());
    grant.set_id(*id);
    grants_.push_back(grant);
    oracle_.PutGrants(grants_);
  }
  const v1::DeviceRecord enrolled = SimDeviceRecord(device.replica, device.user, LeaseEnd());
  const DirectoryWrite write{DirectoryKind::kDevice, enrolled.replica(),
                             enrolled.SerializeAsString(), std::nullopt};
  CHECK(server_->store().WriteEntries({&write, 1}).ok());
  oracle_.PutDevice(enrolled.replica(), device.user);
  CHECK(device.store->SetUser(device.user).ok());
  // Enrolment tells the server's time.
  CHECK(device.store->NoteServerTime(server_->clock().Now()).ok());
}

absl::Time SimWorld::LeaseEnd() const {
  if (!scenario_.has(Fault::kShortLeases)) return server_->clock().Now() + kForever;
  constexpr std::array<int64_t, 4> kMinutes = {10, 60, int64_t{12} * 60, int64_t{20} * 24 * 60};
  SimRandom random = root_.Fork("lease");
  return server_->clock().Now() + absl::Minutes(kMinutes[random.Uniform(kMinutes.size())]);
}

// Its lease has ended, and it is told: it asks for another one, as the client does. Only an
// administrator keeps it from that.
void SimWorld::Renew(SimDevice* device) {
  const auto enrolled = FindDevice(server_->store(), device->replica);
  if (!enrolled.ok() || !enrolled->has_value()) return;
  // Of two copies the other one may have renewed it in between.
  Expect(result_.copies > 0 ||
             (*enrolled)->lease_until_ms() <= absl::ToUnixMillis(latest_server_time_),
         "I17: a device with a lease is told that it has none");
  if ((*enrolled)->revoked_ms() != 0) return;
  ++result_.renewals;
  AfterAdministration(EditDevice(server_->store(), device->replica, [&](v1::DeviceRecord& record) {
    record.set_lease_until_ms(absl::ToUnixMillis(LeaseEnd()));
  }));
}

void SimWorld::Pass(absl::Duration time) {
  true_us_ += absl::ToInt64Microseconds(time);
  latest_server_time_ = std::max(latest_server_time_, server_->clock().Now());
  if (server_->is_up()) server_->Tick();
  for (const auto& device : devices_) {
    if (device->link == nullptr) continue;
    device->link->Tick();
    if (device->link->is_over()) EndLink(device.get());
  }
}

void SimWorld::Take(const Step& step) {
  Pass(absl::Milliseconds(step.milliseconds));
  trace_.Add(static_cast<uint64_t>(step.kind));
  SimRandom random(step.seed);
  Perform(step, devices_[step.node % devices_.size()].get(), random);
  NoticeFailures();
}

void SimWorld::Perform(const Step& step, SimDevice* device, SimRandom random) {
  switch (step.kind) {
    case StepKind::kCommit:
      return TakeCommit(device, &random);
    case StepKind::kConnect:
      return TakeConnect(device, &random);
    case StepKind::kMoveFrames:
      return TakeMoves(step.node, &random);
    case StepKind::kServerWork:
      return TakeServerWork(&random);
    case StepKind::kClock:
      return TakeClock(device, &random);
    case StepKind::kDeviceRestart:
      StopDevice(device);
      if (random.Chance(500)) {
        device->clock.Reboot();
        device->has_rebooted = true;
      }
      if (random.Chance(700)) StartDevice(device);
      return;
    case StepKind::kServerRestart:
      StopServer();
      if (random.Chance(700)) StartServer();
      return;
    case StepKind::kDiskFault:
      return TakeDiskFault(device, &random);
    case StepKind::kDevicePower:
      device->disk->CutPowerSoon(random.Next());
      device->has_trouble = true;
      device->loses_database =
          scenario_.has(Fault::kLostDatabases) && random.Fork("database").Chance(400);
      return;
    case StepKind::kServerPower:
      server_->disk().CutPowerSoon(random.Next());
      server_has_trouble_ = true;
      return;
    case StepKind::kGrant:
      return TakeGrant(device, &random);
    case StepKind::kRevoke:
      return TakeRevoke(&random);
    case StepKind::kLoseDevice:
      return TakeLoss(device, random);
    case StepKind::kSleep:
      return TakeSleep(&random);
    case StepKind::kAttack:
      return TakeAttack(&random);
    case StepKind::kDiscard:
      if (scenario_.has(Fault::kReleases) && random.Chance(700)) return TakeRetry(device, &random);
      return TakeDiscard(device);
    case StepKind::kRetry:
      return TakeRetry(device, &random);
    case StepKind::kBackup:
      return TakeBackup();
    case StepKind::kRestore:
      return TakeRestore(&random);
    case StepKind::kCopy:
      return TakeCopy(device);
    case StepKind::kErase:
      return TakeErase(&random);
    case StepKind::kFlip:
      return TakeFlip(device, &random);
    case StepKind::kRelease:
      return TakeRelease(&random);
  }
}

// Up to two months; with old deletions five, and before that most devices catch up and some
// machines stay away.
void SimWorld::TakeSleep(SimRandom* random) {
  const bool is_long = scenario_.has(Fault::kOldDeletions);
  const uint64_t days = is_long ? 150 : 60;
  const uint64_t minutes = random->Uniform(days * 24 * 60);
  for (size_t i = 0; is_long && i < 2 * devices_.size() && server_->is_up(); ++i) {
    SimDevice* const device = devices_[i % devices_.size()].get();
    const bool is_away =
        root_.Fork(absl::StrCat("away", device->number)).Chance(400) && random->Chance(700);
    if (is_away || device->link != nullptr || device->is_revoked) continue;
    if (device->store == nullptr && !StartDevice(device)) continue;
    SyncAsFarAsItGoes(device);
    NoticeFailures();
  }
  Pass(absl::Minutes(static_cast<int64_t>(minutes)));
  TendServer();
}

void SimWorld::TakeDiscard(SimDevice* device) {
  if (device->store == nullptr) return;
  const auto rejected = device->store->Rejected();
  if (!rejected.ok() || rejected->empty()) return;
  v1::ChangeSetHeader header;
  CHECK(header.ParseFromString((*rejected)[0].change_set().header()));
  const absl::Status discarded =
      device->store->DiscardRejected(header.partition(), header.sequence());
  Expect(discarded.ok() || IsExcused(device, discarded),
         absl::StrCat("discarding: ", discarded.ToString()));
  // A failed write may have happened.
  device->discarded.push_back({device->replica.AsBytes(), header.partition(), header.sequence()});
  v1::ChangeSetBody body;
  CHECK(body.ParseFromString((*rejected)[0].change_set().body()));
  for (const v1::Change& change : body.changes())
    device->given_up.insert({change.type_id(), change.record_id()});
}

void SimWorld::TakeCommit(SimDevice* device, SimRandom* random) {
  if (device->store == nullptr && !StartDevice(device)) return;
  std::vector<v1::Change> changes = DrawChanges(device, WorkKindsOf(scenario_), &known_, random);
  if (changes.empty()) return;
  const bool is_lazy = device->is_lazy && random->Chance(700);
  const std::map<RecordName, OwnWrite> own = OwnWritesOf(*device, changes);
  std::set<RecordName> names;
  for (const v1::Change& change : changes) names.insert({change.type_id(), change.record_id()});
  const auto receipt =
      device->store->Commit(std::move(changes), is_lazy ? Durability::kMemory : Durability::kSync);
  if (!receipt.ok()) {
    // It may be there all the same.
    device->given_up.insert(names.begin(), names.end());
    // What contradicts itself is refused at once, and then nothing has changed.
    Expect(IsAnswer(receipt.status()) || IsExcused(device, receipt.status()),
           absl::StrCat("a commit failed: ", receipt.status().ToString()));
    if (device->has_trouble && !absl::IsResourceExhausted(receipt.status())) StopDevice(device);
    return;
  }
  ++result_.commits;
  NoteCommit(device, *receipt, !is_lazy);
  CheckOwnWrites(device, own);
  if (device->link != nullptr) device->link->device().OnCommit();
}

void SimWorld::TakeConnect(SimDevice* device, SimRandom* random) {
  if (device->link != nullptr || !server_->is_up()) return;
  if (device->store == nullptr && !StartDevice(device)) return;
  SimLinkOptions options;
  options.device.live = random->Chance(350);
  options.batch_target_bytes = 1 + random->Uniform(random->Chance(500) ? 800 : 64 << 10);
  options.window = 1 + random->Uniform(3);
  if (scenario_.has(Fault::kByteBudgets) && random->Chance(400))
    options.byte_budget = 1 + random->Uniform(6000);
  if (scenario_.has(Fault::kOneWay) && random->Chance(150)) options.loses_down = true;
  SimRandom relay = random->Fork("relay");
  if (scenario_.has(Fault::kRelays) && relay.Chance(500)) {
    options.is_relayed = true;
    options.window += 8 + relay.Uniform(24);
  }
  Connect(device, options);
}

void SimWorld::Connect(SimDevice* device, const SimLinkOptions& wanted) {
  SimLinkOptions options = wanted;
  options.device.settles = device->is_settling;
  options.device.sign = [replica = device->replica](absl::string_view chain) {
    return absl::StatusOr<std::string>(SimSignature(replica, chain));
  };
  auto stream = server_->Accept(device->replica, options.batch_target_bytes);
  LinkWatcher watcher;
  watcher.on_up = [this, device](const std::string& bytes, const v1::ClientFrame& frame) {
    if (frame.has_hello()) device->asked_after = oracle_.LastRevocation(device->user);
    NoteUpFrame(device, bytes, frame);
  };
  watcher.on_taken = [device](const v1::ServerFrame& frame) {
    if (frame.has_welcome() && !device->is_settling) device->told = device->asked_after;
  };
  watcher.on_down = [this, device](const std::string& bytes, const v1::ServerFrame& frame) {
    NoteDownFrame(device->user, device->replica, bytes, frame);
  };
  ++result_.sessions;
  device->link = std::make_unique<SimLink>(std::move(stream), device->store.get(), &device->clock,
                                           options, std::move(watcher));
}

void SimWorld::TakeMoves(size_t from, SimRandom* random) {
  if (!late_.empty() && random->Chance(300)) DeliverLate(random);
  SimDevice* device = nullptr;
  for (size_t i = 0; i < devices_.size() && device == nullptr; ++i) {
    SimDevice* const next = devices_[(from + i) % devices_.size()].get();
    if (next->link != nullptr) device = next;
  }
  if (device == nullptr) return;
  const uint64_t most = scenario_.has(Fault::kSlowLinks) ? 6 : 30;
  for (uint64_t moves = 1 + random->Uniform(most); moves > 0 && !device->link->is_over(); --moves) {
    device->link->Move(random->Next() >> 8);
    if (server_->is_up() && random->Chance(100)) TakeServerWork(random);
    NoticeFailures();
    if (device->link == nullptr) return;
  }
  if (scenario_.has(Fault::kCuts) && random->Chance(80)) device->link->Break();
  if (scenario_.has(Fault::kOneWay) && random->Chance(20))
    device->link->LoseOneWay(random->Chance(500));
  if (device->link->is_relayed() && random->Chance(40)) {
    if (random->Chance(500)) {
      device->link->LoseServer();
    } else {
      device->link->Break();
    }
  }
  if (device->link->is_over()) EndLink(device);
}

void SimWorld::TakeServerWork(SimRandom* random) {
  if (!server_->is_up()) {
    StartServer();
    return;
  }
  TendServer();
  if (server_->queued() == 0) return;
  last_commit_try_ = server_->clock().Now();
  const int fault = DrawFault(*random);
  const absl::Status committed = server_->RunCommits(1 + random->Uniform(4), fault);
  Expect(committed.ok() || server_has_trouble_,
         absl::StrCat("the server's commit failed: ", committed.ToString()));
  if (!committed.ok()) return;
  for (const std::string& partition : server_->store().Partitions())
    NoticeLateVerdicts(partition, server_->store().Head(partition) + 1);
  CheckTouched();
}

void SimWorld::EndLink(SimDevice* device) {
  SimLink& link = *device->link;
  // A relay that has lost the device still passes on what it took from it.
  const bool passes_on = link.is_relayed() || scenario_.has(Fault::kLateFrames);
  if (link.is_broken() && passes_on) late_.push_back({link.stream(), link.TakeUpFrames()});
  CheckSessionEnd(device, link.status());
  Expect(link.device().progress().mismatches == 0 || result_.restores > 0 || !forgotten_.empty() ||
             device->has_trouble || server_has_trouble_,
         "I18: a device's records are not what a checkpoint says");
  // A clean end is told to the other side.
  if (link.is_finished()) link.stream()->Close();
  const bool is_copy = absl::IsFailedPrecondition(link.status());
  device->link.reset();
  // Trouble may have stopped it.
  const absl::Status scrubbed =
      device->store == nullptr ? absl::OkStatus() : device->store->ScrubFiles(nullptr);
  Expect(scrubbed.ok() || IsExcused(device, scrubbed),
         absl::StrCat("a device's files are not scrubbed: ", scrubbed.ToString()));
  if (is_copy && !device->is_settling) Divide(device);
}

void SimWorld::DeliverLate(SimRandom* random) {
  LateFrames& late = late_[random->Uniform(late_.size())];
  if (!late.frames.empty() && late.stream->wants_frames()) {
    v1::ClientFrame frame;
    CHECK(frame.ParseFromString(late.frames.front()));
    late.frames.pop_front();
    late.stream->OnFrame(frame);
  } else if (late.frames.empty() || late.stream->is_over() || random->Chance(200)) {
    late.stream->Close();
    late_.erase(late_.begin() + (&late - late_.data()));
  }
}

}  // namespace brigada
