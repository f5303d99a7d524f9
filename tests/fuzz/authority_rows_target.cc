// A server's store of which rows are damaged, past the checksums of its files: it opens or says
// what is damaged, and so does whatever is asked of it; nothing ends the program.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/administration_service.pb.h"
#include "replica/base/check.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/keys.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/record_ranges.h"
#include "replica/store/store_check.h"
#include "server/backups.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "server/open_store.h"
#include "server/quarantine.h"
#include "server/roles.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/row_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr int kMaxPages = 64;

class DamagedAuthority {
 public:
  explicit DamagedAuthority(const fuzz::AuthorityRowsScript& script)
      : is_damaged_(!script.damages().empty()), disk_(NewMemoryKv()) {
    CopyDisk(TheRowWorld().server, disk_);
    if (script.while_open()) CHECK(Open());
    DamageRows(script.damages(), disk_.get());
  }

  void Live() {
    CHECK(CheckStore(*disk_, StoreKind::kAuthority, FuzzRegistry()).ok() || !IsSameFormat());
    if (store_ == nullptr && !Open()) return;
    ReadAll();
    ReadDirectory();
    Commit();
    Keep();
    ReadAll();
    store_.reset();
    if (Open()) ReadAll();
  }

 private:
  // As a server that has a journal, which knows a start of this store.
  bool Open() {
    AuthorityStoreOptions options;
    options.registry = &FuzzRegistry();
    options.random = &random_;
    options.now = clock_.Now();
    const auto note = [](absl::Span<const DirectoryWrite>, uint64_t) { return absl::OkStatus(); };
    auto opened = OpenBesideJournal({}, note, options, [&](const AuthorityStoreOptions& beside) {
      return OpenAuthorityStore(std::make_unique<LentKv>(disk_), beside);
    });
    if (!Answers(opened.status())) return false;
    store_ = *std::move(opened);
    return true;
  }
  bool IsSameFormat() const { return CheckFormat(*disk_, StoreKind::kAuthority).value_or(false); }

  // Replicas that the store knows, as its keys say.
  std::vector<ReplicaId> Writers() const;
  void ReadAll();
  void ReadFeed(const std::string& partition, const ReplicaId& replica);
  void ReadDirectory();
  void Commit();
  void Keep();

  // What nothing was done to answers everything.
  bool Works(const absl::Status& status) const {
    const bool works = Answers(status);
    CHECK(works || is_damaged_);
    return works;
  }

  const bool is_damaged_;
  const std::shared_ptr<Kv> disk_;
  FakeClock clock_;
  SeededRandom random_{9};
  FuzzJudge judge_;
  std::unique_ptr<AuthorityStore> store_;
};

std::vector<ReplicaId> DamagedAuthority::Writers() const {
  std::vector<ReplicaId> writers = {FuzzReplica('S')};
  const std::string prefix = PartitionPrefix(kFuzzPartition) + "p";
  const auto it = disk_->Iterate(Table::kVerdicts, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const auto replica = ReplicaId::FromBytes(it->key().substr(prefix.size()));
    if (replica.ok()) writers.push_back(*replica);
  }
  return writers;
}

void DamagedAuthority::ReadFeed(const std::string& partition, const ReplicaId& replica) {
  FeedRequest request;
  request.replica = replica;
  request.partition = partition;
  request.feeds = FuzzFeeds();
  request.target_bytes = 512;
  request.wants_sums = true;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    const auto page = store_->ReadFeed(request);
    if (!Works(page.status()) || page->to >= page->head) return;
    CHECK(page->to > request.scanned);
    request.scanned = page->to;
  }
}

void DamagedAuthority::ReadAll() {
  ReadRecords(store_->Read(), [this](const RecordType& type, const RecordId& id) {
    Answers(store_->PlacesOf(type.type_id(), id).status());
  });
  for (const std::string& partition : store_->Partitions()) {
    for (const ReplicaId& replica : Writers()) {
      ReadFeed(partition, replica);
      Works(store_->LastSequence(replica, partition).status());
      Answers(store_->LastChain(replica, partition).status());
      for (uint64_t sequence = 0; sequence < 6; ++sequence) {
        Answers(store_->FindVerdict(replica, partition, sequence).status());
        Answers(store_->FindQuarantined(partition, replica, sequence).status());
      }
      store_->IsKnownPoint(store_->run(), partition, 3);
    }
    RangeRequest request{.replica = FuzzReplica('A'),
                         .partition = partition,
                         .feeds = FuzzFeeds(),
                         .scanned = store_->Head(partition),
                         .target_bytes = 4096};
    Works(store_->SumRange(request, "", "", 64).status());
    Answers(store_->RepairRange(request, v1::RangeItems()).status());
    Answers(store_->CollectedUpTo(partition).status());
  }
  std::string after;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    const auto page = store_->ListQuarantine(after, 2);
    if (!Works(page.status()) || page->next.empty()) break;
    CHECK(page->next > after);
    after = page->next;
  }
  store_->WaitingUsers();
  store_->CurrentEpoch();
}

void DamagedAuthority::ReadDirectory() {
  const absl::Time now = clock_.Now();
  const auto grants = GrantsOf(*store_, "ana");
  if (Answers(grants.status())) {
    Answers(ListQuarantine(*store_, *grants, {}, now).status());
    FeedsOf(*grants, now);
    LastRevocation(*grants);
  }
  Works(AllGrants(*store_).status());
  Answers(ScopesOfUser(*store_, "ana", now).status());
  const auto devices = AllDevices(*store_);
  if (Works(devices.status())) {
    for (const v1::DeviceRecord& device : *devices) {
      const auto replica = ReplicaId::FromBytes(device.replica());
      if (!replica.ok()) continue;
      WithItsCopies(*devices, *replica);
      CountCopies(*devices, *replica);
      Answers(EditDevice(*store_, *replica, [](v1::DeviceRecord& r) { r.set_last_sync_ms(1); }));
    }
  }
  v1::InvitationRecord invitation;
  invitation.set_user("ana");
  invitation.set_expires_ms(absl::ToUnixMillis(now) + 1000);
  const auto code = AddInvitation(*store_, invitation, now, random_);
  if (Answers(code.status())) Answers(FindInvitation(*store_, *code, now).status());
  Works(CoveredByBackups(*store_, now).status());
  Answers(NoteBackup(*store_, BackupBegun(*store_, "another", now), now));
  Works(ResumeErasures(*store_, now));
}

// Work of a new replica, and of each one that the store knows what it would send next.
void DamagedAuthority::Commit() {
  std::vector<ReplicaId> writers = Writers();
  writers.push_back(FuzzReplica('N'));
  for (const ReplicaId& replica : writers) {
    const auto last = store_->LastSequence(replica, kFuzzPartition);
    const auto chain = store_->LastChain(replica, kFuzzPartition);
    if (!Answers(last.status()) || !Answers(chain.status())) continue;
    ChainValue before = ChainStart(replica.bytes(), kFuzzPartition);
    if (chain->size() == before.size())
      std::copy(chain->begin(), chain->end(), reinterpret_cast<char*>(before.data()));
    testing::Sample sample;
    sample.set_title("more");
    v1::ChangeSetHeader header;
    header.set_replica(replica.AsBytes());
    header.set_sequence(*last + 1);
    header.set_partition(kFuzzPartition);
    header.set_user("ana");
    header.mutable_position()->set_epoch(store_->epoch().AsBytes());
    v1::ChangeSetBody body;
    for (int i = 0; i < 2; ++i) {
      v1::Change& change = *body.add_changes();
      change.set_kind(v1::Change::CREATE);
      change.set_type_id(60001);
      change.set_record_id(std::string(16, static_cast<char>('k' + i)));
      change.set_scope("MX/20/067");
      change.set_values(sample.SerializeAsString());
    }
    v1::ChangeSet set;
    set.set_header(header.SerializeAsString());
    set.set_salt(std::string(16, 's'));
    set.set_body(body.SerializeAsString());
    const ChainValue after = NextChain(before, set.header(), BodyHash(set.salt(), set.body()));
    const auto results =
        store_->CommitPushes({{replica, "ana", kFuzzPartition, {set}, std::string(AsView(after))}},
                             judge_, clock_.Now());
    if (Works(results.status())) CHECK((*results)[0].verdicts.size() == 1 || is_damaged_);
  }
}

void DamagedAuthority::Keep() {
  for (const std::string& partition : store_->Partitions()) {
    Works(store_->RecomputeSums(partition).status());
    CollectRequest request{
        .partition = partition, .floor = store_->Head(partition), .from = {}, .max_records = 4};
    for (int pages = 0; pages < kMaxPages; ++pages) {
      const auto report = store_->CollectTombstones(request);
      if (!Works(report.status()) || report->next.empty()) break;
      request.from = report->next;
    }
  }
  const auto record = RecordId::FromBytes(std::string(16, 'k'));
  Works(store_
            ->Erase({.type_id = 60001, .id = *record, .scope = "MX/20/067", .user = "ana"},
                    clock_.Now())
            .status());
  Works(store_->ScrubFiles(nullptr).status());
  Works(store_->BeginEpoch(NewRandomId<Epoch>(random_), store_->run(), clock_.Now()));
  Works(store_->Health());
}

}  // namespace

void FuzzAuthorityRows(absl::string_view input) {
  fuzz::AuthorityRowsScript script;
  if (ParseScript(input, &script)) DamagedAuthority(script).Live();
}

}  // namespace brigada
