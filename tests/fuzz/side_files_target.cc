// The files beside a store, damaged: the journal and the marks are refused as damaged or say what
// was in them, what a mirror still says is saved, a note that is not whole is none.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "replica/base/check.h"
#include "replica/base/sha256.h"
#include "replica/store/device_store.h"
#include "replica/store/framed_record.h"
#include "replica/store/high_water_mark.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/outbox_mirror.h"
#include "replica/store/outbox_salvage.h"
#include "replica/store/recovery_note.h"
#include "server/journal.h"
#include "server/open_store.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/row_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fault_env.h"
#include "tests/support/lent_kv.h"
#include "tests/support/scratch_directory.h"

namespace brigada {
namespace {

constexpr char kDirectory[] = "/store";
constexpr size_t kMarkSlotBytes = 512;

// What the script does to a file of these bytes.
std::string Damaged(const fuzz::SideFilesScript& script, std::string bytes) {
  for (const auto& flip : script.flips())
    if (!bytes.empty()) bytes[flip.at() % bytes.size()] = static_cast<char>(flip.value());
  bytes.resize(bytes.size() - script.cut() % (bytes.size() + 1));
  return bytes + script.tail();
}

// Framed as the journal and the mirror are: the last byte of a content is not 0.
template <typename Messages>
std::string FramedAll(const Messages& messages) {
  std::string bytes;
  for (const auto& message : messages) {
    std::string content = message.SerializeAsString();
    if (!content.empty() && content.back() != '\0') bytes += FramedRecord(content);
  }
  return bytes;
}

void PutFile(FaultEnv& env, const std::string& name, const std::string& bytes) {
  FaultDisk::File file;
  env.disk().MakeDirectory(kDirectory);
  CHECK(env.disk().Create(absl::StrCat(kDirectory, "/", name), &file) == DiskError::kNone);
  CHECK(env.disk().Append(file, bytes) == DiskError::kNone);
}

// What is taken out of a damaged file was in it: unless somebody wrote more behind it.
bool IsAmong(const fuzz::SideFilesScript& script, const KvBatch::Op& op) {
  if (!script.tail().empty()) return true;
  for (const v1::MirroredWrites& writes : script.mirror()) {
    for (const v1::MirroredWrites::Write& written : writes.writes()) {
      if (written.table() == static_cast<uint32_t>(op.table) && written.key() == op.key &&
          written.is_deletion() == op.is_delete && (op.is_delete || written.value() == op.value))
        return true;
    }
  }
  return false;
}

void ExpectBeginning(const fuzz::SideFilesScript& script,
                     const std::vector<v1::JournalRecord>& records) {
  if (!script.tail().empty()) return;
  size_t read = 0;
  for (const v1::JournalRecord& record : script.journal()) {
    if (read == records.size()) return;
    const std::string written = record.SerializeAsString();
    if (written.empty() || written.back() == '\0') continue;
    // Maps have more than one encoding.
    CHECK(google::protobuf::util::MessageDifferencer::Equals(records[read], record));
    ++read;
  }
  CHECK(read == records.size());
}

// A store that went back is brought up to date with it, and one that did not goes on beside it.
void OpenBeside(const std::vector<v1::JournalRecord>& records) {
  FakeClock clock;
  SeededRandom random(31);
  const std::shared_ptr<Kv> disk = NewMemoryKv();
  CopyDisk(TheRowWorld().server, disk);
  AuthorityStoreOptions options;
  options.registry = &FuzzRegistry();
  options.random = &random;
  options.now = clock.Now();
  const auto note = [](absl::Span<const DirectoryWrite>, uint64_t) { return absl::OkStatus(); };
  const auto opened =
      OpenBesideJournal(records, note, options, [&](const AuthorityStoreOptions& beside) {
        return OpenAuthorityStore(std::make_unique<LentKv>(disk), beside);
      });
  if (Answers(opened.status())) CheckAuthority(disk, **opened);
}

void CheckJournal(const fuzz::SideFilesScript& script) {
  const ScratchDirectory directory;
  const std::string path = directory / "journal";
  const std::string whole = FramedAll(script.journal());
  const std::string bytes = Damaged(script, whole);
  std::ofstream(path, std::ios::binary) << bytes;
  FakeClock clock;
  const auto journal = Journal::Open(path, &clock);
  if (!journal.ok()) {
    CHECK(bytes != whole || !script.tail().empty());
    return CHECK(absl::IsDataLoss(journal.status()));
  }
  const std::vector<v1::JournalRecord> records = (*journal)->records();
  ExpectBeginning(script, records);
  LastRun(records);
  LastDirectoryWrite(records);
  OpenBeside(records);
  v1::JournalRecord more;
  more.set_run("a run");
  CHECK((*journal)->Append({more}).ok());
  const auto again = Journal::Open(path, &clock);
  CHECK(again.ok() && (*again)->records().size() == records.size() + 1);
}

// What it gives is laid over a device's tables, as a recovery does, and those open or say what is
// damaged.
void CheckMirror(const fuzz::SideFilesScript& script) {
  FaultEnv env;
  PutFile(env, "OUTBOX_MIRROR", Damaged(script, FramedAll(script.mirror())));
  const std::shared_ptr<Kv> mirrored = NewMemoryKv();
  const auto findings = ReadOutboxMirror(*env.env(), kDirectory, [&](const KvBatch& batch) {
    for (const KvBatch::Op& op : batch.ops()) CHECK(IsAmong(script, op));
    return mirrored->Write(batch, Durability::kSync);
  });
  CHECK(findings.ok() && findings->exists);
  const std::shared_ptr<Kv> saved = NewMemoryKv();
  CHECK(CopyMirroredTables(*TheRowWorld().device, saved.get()).ok());
  if (CanReadMirroredTables(*mirrored) && MayBeSameReplica(*saved, *mirrored))
    CHECK(SalvageOutbox(*mirrored, /*is_later=*/true, saved.get()).ok());
  FakeClock clock;
  SeededRandom random(37);
  const auto opened =
      OpenDeviceStore(std::make_unique<LentKv>(saved), {&FuzzRegistry(), &clock, &random});
  if (Answers(opened.status())) Answers((*opened)->Counts().status());
}

void CheckNote(const fuzz::SideFilesScript& script) {
  FaultEnv env;
  const std::string whole = script.recovered().SerializeAsString();
  PutFile(env, "RECOVERED", Damaged(script, FramedRecord(whole.empty() ? "\x01" : whole)));
  ReadRecoveryNote(*env.env(), kDirectory);
  CHECK(RemoveRecoveryNote(*env.env(), kDirectory).ok());
  CHECK(!ReadRecoveryNote(*env.env(), kDirectory).has_value());
}

// A mark may hold a store back, and nothing else: the next one is read again.
void CheckMark(const fuzz::SideFilesScript& script) {
  std::string slots;
  for (const auto& mark : script.marks()) {
    CommitPoint point;
    point.counter = mark.counter();
    for (size_t i = 0; i < std::min(mark.hash().size(), point.hash.size()); ++i)
      point.hash[i] = static_cast<uint8_t>(mark.hash()[i]);
    std::string slot = absl::StrCat("BRGMARK1", point.Encode());
    const Sha256Digest sum = Sha256(slot);
    absl::StrAppend(&slot, AsView(sum).substr(0, 8));
    if (!mark.raw().empty()) slot = mark.raw();
    slot.resize(kMarkSlotBytes);
    slots += slot;
  }
  FaultEnv env;
  PutFile(env, "HIGH_WATER_MARK", Damaged(script, slots));
  const auto reading = ReadHighWaterMark(*env.env(), kDirectory);
  CHECK(reading.ok() && reading->exists);
  const auto is_that = [&](const auto& mark) {
    return mark.counter() == reading->point->counter || !mark.raw().empty();
  };
  CHECK(!reading->point.has_value() || !script.tail().empty() ||
        std::any_of(script.marks().begin(), script.marks().end(), is_that));
  const CommitPoint found;
  const absl::Status status = CheckNotBelow(found, *reading);
  CHECK(status.ok() || absl::IsDataLoss(status));
  const CommitPoint next = found.After("more");
  auto mark = HighWaterMark::Open(*env.env(), kDirectory, next);
  CHECK(mark.ok() && (*mark)->Advance(next.After("and more")).ok());
  mark->reset();
  const auto again = ReadHighWaterMark(*env.env(), kDirectory);
  CHECK(again.ok() && again->point.has_value() && again->point->counter >= next.counter);
}

}  // namespace

void FuzzSideFiles(absl::string_view input) {
  fuzz::SideFilesScript script;
  if (!ParseScript(input, &script)) return;
  CheckJournal(script);
  CheckMirror(script);
  CheckNote(script);
  CheckMark(script);
}

}  // namespace brigada
