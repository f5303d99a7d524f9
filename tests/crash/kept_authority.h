// An authority's store beside its journal, for lives: what a server opens and restores, on a disk
// with faults. The journal is on another disk, which has none.
#ifndef TESTS_CRASH_KEPT_AUTHORITY_H_
#define TESTS_CRASH_KEPT_AUTHORITY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/storage.pb.h"
#include "server/open_store.h"
#include "tests/crash/store_life.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {

// What is erased in the lives: in lower case, as indexes and BytesOnDisk have it.
inline constexpr char kErasedName[] = "xochiquetzal";

// Whether the record lives there.
absl::StatusOr<bool> IsLive(const AuthorityStore& store, const RecordId& id);
// Nothing that `brigada-server verify` looks at is wrong.
absl::Status CheckSound(const Kv& kv, StoreKind kind);

class KeptAuthority {
 public:
  // `seed`: of the names that the store draws.
  KeptAuthority(FaultEnv* env, SyncMode mode, uint64_t seed)
      : env_(env), mode_(mode), random_(seed) {}

  // Also of one that is open. `restored`: a backup took the store's place.
  absl::Status Open(bool restored);
  void Close() {
    store_.reset();
    kv_ = nullptr;
  }
  bool is_open() const { return store_ != nullptr; }
  // Commits the push; its first answer is kept, and a later one has to be the same.
  absl::Status Commit(const std::string& name, const PushRequest& push);
  // Every push that was answered is repeated, and answered the same.
  absl::Status RepeatAll();
  // No earlier answer counts any more: the server went back.
  void ForgetAnswers() { answers_.clear(); }
  const std::string& AnswerTo(const std::string& name) { return answers_[name].second; }
  // What is noted in the journal of a start.
  void NoteStart() { journal_.push_back(StartRecord(*store_)); }
  // The row is gone, behind the back of the store.
  absl::Status Lose(Table table, const std::string& key);
  // Of the store's files.
  absl::Status CheckErasedFromFiles();

  AuthorityStore& store() { return *store_; }
  Kv* kv() const { return kv_; }
  FakeClock& clock() { return clock_; }
  void SetOnWrite(const OnWrite& on_write) { on_write_ = on_write; }
  std::vector<v1::JournalRecord>& journal() { return journal_; }

 private:
  FaultEnv* const env_;
  const SyncMode mode_;
  FakeClock clock_;
  SeededRandom random_;
  TestJudge judge_;
  OnWrite on_write_;
  std::vector<v1::JournalRecord> journal_;
  // By name: the push and its first answer.
  std::map<std::string, std::pair<PushRequest, std::string>> answers_;
  std::unique_ptr<AuthorityStore> store_;
  Kv* kv_ = nullptr;
};

// A life of such a store, step by step.
class KeptAuthorityLife : public StoreLife {
 public:
  StoreKind kind() const override { return StoreKind::kAuthority; }
  size_t step_count() const override { return steps_.size(); }
  void SetOnWrite(const OnWrite& on_write) override { authority_.SetOnWrite(on_write); }
  absl::Status Step(size_t step) override {
    if (step > 0 && !authority_.is_open()) return absl::InternalError("closed");
    return steps_[step]();
  }
  const Kv* kv() const override { return authority_.kv(); }
  void Close() override { authority_.Close(); }

 protected:
  KeptAuthorityLife(FaultEnv* env, SyncMode mode, uint64_t seed) : authority_(env, mode, seed) {}
  void PlanPush(const std::string& name, const PushRequest& push) {
    steps_.emplace_back([this, name, push] { return authority_.Commit(name, push); });
  }

  mutable KeptAuthority authority_;
  std::vector<std::function<absl::Status()>> steps_;
};

}  // namespace brigada

#endif  // TESTS_CRASH_KEPT_AUTHORITY_H_
