#include "replica/store/mirrored_kv.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_recovery.h"
#include "replica/store/keys.h"
#include "replica/store/outbox_mirror.h"
#include "replica/store/second_sync.h"

namespace brigada {
namespace {

// Of the meta table: the number of the last write that the mirror has too.
constexpr absl::string_view kMirroredKey = "mirrored";

class MirroredKv final : public Kv {
 public:
  MirroredKv(rocksdb::Env* env, const RocksKvOptions& options, std::unique_ptr<Kv> kv)
      : env_(env),
        path_(options.path),
        min_free_bytes_(options.min_free_bytes.value_or(ReserveBytes(options.profile))),
        kv_(std::move(kv)) {
    // An Env of a test has its files fail in an order that is known.
    if (options.env == nullptr) second_sync_.emplace();
  }

  absl::Status Open() {
    const MutexLock lock(&mu_);
    ASSIGN_OR_RETURN(number_, LastMirroredWrite(*kv_));
    const absl::Status opened = OpenMirror();
    if (absl::IsResourceExhausted(opened)) {
      Log(LogLevel::kWarning, "outbox_mirror_not_made",
          {{"code", absl::StatusCodeToString(opened.code())}});
      return absl::OkStatus();
    }
    return opened;
  }

  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return kv_->Get(table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return kv_->Iterate(table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override;
  std::unique_ptr<const KvReader> Snapshot() const override { return kv_->Snapshot(); }
  absl::Status health() const override {
    // What stopped the database is why the mirror could not go on.
    RETURN_IF_ERROR(kv_->health());
    return Failure();
  }
  absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) override {
    return kv_->CopyTo(path, go_on);
  }
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override {
    RETURN_IF_ERROR(kv_->Scrub(ranges, cancel));
    const MutexLock lock(&mu_);
    RETURN_IF_ERROR(CheckWritable());
    return RewriteMirror();
  }
  uint64_t ApproximateBytes() const override { return kv_->ApproximateBytes(); }

 private:
  absl::Status OpenMirror() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ASSIGN_OR_RETURN(mirror_, OutboxMirror::Open(*env_, path_, *kv_, number_, min_free_bytes_));
    return absl::OkStatus();
  }
  // Also makes the mirror for which there was no room.
  absl::Status CheckWritable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (const absl::Status failure = Failure(); !failure.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the store refuses writes until it is reopened: ", failure.message()));
    }
    return mirror_ == nullptr ? OpenMirror() : absl::OkStatus();
  }
  absl::Status RewriteMirror() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    absl::Status rewritten = mirror_->Rewrite(*kv_, number_);
    if (!mirror_->is_sound()) Fail(rewritten);
    return rewritten;
  }
  void Fail(const absl::Status& status) {
    Log(LogLevel::kError, "outbox_mirror_failed",
        {{"code", absl::StatusCodeToString(status.code())}});
    const MutexLock lock(&failure_mu_);
    failure_ = status;
  }
  absl::Status Failure() const {
    const MutexLock lock(&failure_mu_);
    return failure_;
  }
  absl::Status AppendToMirror(const KvBatch& batch, Durability durability)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SyncBoth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  rocksdb::Env* const env_;
  const std::string path_;
  const uint64_t min_free_bytes_;
  const std::unique_ptr<Kv> kv_;
  // One write at a time: the mirror has them in the store's order.
  mutable Mutex mu_;
  std::unique_ptr<OutboxMirror> mirror_ ABSL_GUARDED_BY(mu_);  // null: there was no room for it
  uint64_t number_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<SecondSync> second_sync_ ABSL_GUARDED_BY(mu_);  // none: one after the other
  // Who asks how the store is does not wait for a write.
  mutable Mutex failure_mu_;
  absl::Status failure_ ABSL_GUARDED_BY(failure_mu_);
};

absl::Status MirroredKv::Write(const KvBatch& batch, Durability durability) {
  const bool is_mirrored =
      std::any_of(batch.ops().begin(), batch.ops().end(),
                  [](const KvBatch::Op& op) { return IsMirrored(op.table, op.key); });
  const MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckWritable());
  // A synced write takes all earlier ones to the disk with it, in the mirror too.
  if (!is_mirrored && durability == Durability::kMemory) return kv_->Write(batch, durability);
  KvBatch numbered = batch;
  numbered.Put(Table::kMeta, std::string(kMirroredKey), NumberValue(number_ + 1));
  // Synced below, with the mirror; until then nobody is told of it.
  RETURN_IF_ERROR(kv_->Write(numbered, Durability::kMemory));
  ++number_;
  return AppendToMirror(batch, durability);
}

absl::Status MirroredKv::AppendToMirror(const KvBatch& batch, Durability durability) {
  absl::Status appended = mirror_->Append(batch, number_);
  if (appended.ok() && durability == Durability::kSync) appended = SyncBoth();
  if (!appended.ok()) {
    // Part of it may be there, and the store has it: to the caller that is no full disk, which
    // leaves nothing.
    Fail(appended);
    return absl::UnavailableError(appended.message());
  }
  if (!mirror_->is_due()) return absl::OkStatus();
  // It has the write; that it grows on is no reason to refuse it.
  const absl::Status rewritten = RewriteMirror();
  return mirror_->is_sound() ? absl::OkStatus() : rewritten;
}

// Neither has to be there before the other: whichever a power cut leaves without the last write, it
// was not acknowledged, and the next open writes the mirror anew from the store.
absl::Status MirroredKv::SyncBoth() {
  if (second_sync_.has_value()) {
    OutboxMirror* const mirror = mirror_.get();
    second_sync_->Start([mirror] { return mirror->Sync(); });
  }
  const absl::Status stored = kv_->Write(KvBatch(), Durability::kSync);
  const absl::Status mirrored = second_sync_.has_value() ? second_sync_->Wait() : mirror_->Sync();
  return stored.ok() ? mirrored : stored;
}

}  // namespace

absl::StatusOr<uint64_t> LastMirroredWrite(const KvReader& store) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, store.Get(Table::kMeta, kMirroredKey));
  if (value.has_value() && value->size() != sizeof(uint64_t))
    return absl::DataLossError("the number of mirrored writes is damaged");
  return NumberOf(value.value_or(""));
}

absl::StatusOr<std::unique_ptr<Kv>> OpenMirroredKv(const RocksKvOptions& options) {
  if (options.read_only) return OpenRocksKv(options);
  RETURN_IF_ERROR(FinishRecovery(options.path, options.env));
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenRocksKv(options));
  ForgetRecoveries(options.path, options.env);
  rocksdb::Env* const env = options.env == nullptr ? rocksdb::Env::Default() : options.env;
  auto mirrored = std::make_unique<MirroredKv>(env, options, std::move(kv));
  RETURN_IF_ERROR(mirrored->Open());
  return mirrored;
}

}  // namespace brigada
