// A server's sessions without gRPC: the real runner, queue and store in memory, a device that makes
// real frames, and a sink that keeps what the server sends.
#ifndef TESTS_UNIT_SERVER_SESSION_WORLD_H_
#define TESTS_UNIT_SERVER_SESSION_WORLD_H_

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "brigada/v1/person.pb.h"
#include "replica/base/check.h"
#include "replica/base/mutex.h"
#include "replica/crypto/seal.h"
#include "replica/crypto/signing_key.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/memory_kv.h"
#include "replica/sync/device_session.h"
#include "server/commit_queue.h"
#include "server/directory.h"
#include "server/executor.h"
#include "server/session_notes.h"
#include "server/session_runner.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_authority_store.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {

// Longer than any machine takes: reached only by a failing test.
inline constexpr absl::Duration kNever = absl::Seconds(60);

// Keeps frames; says at once that they are written unless it is stuck. Thread safe.
class FakeSink final : public FrameSink {
 public:
  void Attach(SessionRunner* runner) { runner_ = runner; }
  // Frames are not taken any more: the device does not read.
  void GetStuck() { stuck_ = true; }

  void StartReading() override {
    const MutexLock lock(&mu_);
    ++reads_;
    changed_.SignalAll();
  }
  void StartWriting(v1::ServerFrame frame) override {
    {
      const MutexLock lock(&mu_);
      frames_.push_back(std::move(frame));
      changed_.SignalAll();
    }
    if (!stuck_) runner_->OnWritten(true);
  }
  void Cancel() override {
    const MutexLock lock(&mu_);
    cancelled_ = true;
  }
  void Finish(const absl::Status& status) override {
    const MutexLock lock(&mu_);
    finished_ = status;
    changed_.SignalAll();
  }

  // The next frame; waits for it. Nullopt when the stream finished instead.
  std::optional<v1::ServerFrame> Next() {
    const MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + kNever;
    while (frames_.empty() && !finished_.has_value() && absl::Now() < deadline)
      changed_.WaitFor(&mu_, deadline - absl::Now());
    if (frames_.empty()) return std::nullopt;
    v1::ServerFrame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
  }
  // Waits for the end.
  absl::Status WaitForEnd() {
    const MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + kNever;
    while (!finished_.has_value() && absl::Now() < deadline)
      changed_.WaitFor(&mu_, deadline - absl::Now());
    return finished_.value_or(absl::DeadlineExceededError("the session did not end"));
  }
  // Waits until the runner reads its `n`th frame (from 1).
  void WaitForRead(int n) {
    const MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + kNever;
    while (reads_ < n && absl::Now() < deadline) changed_.WaitFor(&mu_, deadline - absl::Now());
  }
  bool cancelled() const {
    const MutexLock lock(&mu_);
    return cancelled_;
  }

 private:
  SessionRunner* runner_ = nullptr;
  std::atomic<bool> stuck_{false};
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<v1::ServerFrame> frames_ ABSL_GUARDED_BY(mu_);
  int reads_ ABSL_GUARDED_BY(mu_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> finished_ ABSL_GUARDED_BY(mu_);
};

// A device with an outbox, enrolled in `store`'s directory.
class FakeDevice {
 public:
  FakeDevice(AuthorityStore& directory, const Clock& clock, Random& random, absl::string_view user,
             absl::string_view scope)
      : clock_(clock), key_(*SigningKey::Generate()) {
    DeviceStoreOptions options;
    options.registry = &Registry::BuiltIn();
    options.clock = &clock;
    options.random = &random;
    store_ = *OpenDeviceStore(NewMemoryKv(), options);
    CHECK(store_->SetUser(user).ok());
    v1::DeviceRecord device;
    device.set_replica(store_->replica().AsBytes());
    device.set_user(std::string(user));
    device.set_public_key(key_.PublicKeyDer());
    device.set_lease_until_ms(absl::ToUnixMillis(clock.Now() + absl::Hours(24)));
    const DirectoryWrite write{DirectoryKind::kDevice, store_->replica().AsBytes(),
                               device.SerializeAsString(), std::nullopt};
    CHECK(directory.WriteEntries({&write, 1}).ok());
    v1::GrantRecord grant;
    grant.set_user(std::string(user));
    grant.set_role("organizer");
    grant.add_scopes(std::string(scope));
    CHECK(AddGrant(directory, grant, random).ok());
  }

  ReplicaId replica() const { return store_->replica(); }

  void Write(absl::string_view scope, Random& random) {
    v1::Person person;
    person.mutable_name()->set_given_names("Ana");
    std::vector<v1::Change> changes;
    changes.push_back(*CreateChange(*Registry::BuiltIn().FindByName("Person"),
                                    NewRecordId(clock_.Now(), random), *Scope::Parse(scope),
                                    person));
    CHECK(store_->Commit(std::move(changes), Durability::kSync).ok());
  }

  // What a session sends before it has heard anything: hello, pushes, the end of pushes.
  std::vector<v1::ClientFrame> FirstFlight(bool live) {
    DeviceSessionOptions options;
    options.live = live;
    options.software = "test";
    options.sign = [this](absl::string_view chain) { return key_.Sign(chain); };
    DeviceSession session(store_.get(), options, clock_.Now(), clock_.Monotonic());
    std::vector<v1::ClientFrame> frames;
    while (true) {
      absl::StatusOr<std::optional<v1::ClientFrame>> frame = session.NextFrame();
      CHECK(frame.ok());
      if (!frame->has_value()) return frames;
      frames.push_back(**std::move(frame));
    }
  }

 private:
  const Clock& clock_;
  const SigningKey key_;
  std::unique_ptr<DeviceStore> store_;
};

// A clock that knows how often it was asked: a runner asks it whenever it does anything. Thread
// safe.
class CountingClock final : public Clock {
 public:
  explicit CountingClock(const Clock* clock) : clock_(clock) {}
  absl::Time Now() const override {
    ++asked_;
    return clock_->Now();
  }
  absl::Duration Monotonic() const override { return clock_->Monotonic(); }
  std::string BootId() const override { return clock_->BootId(); }
  int asked() const { return asked_; }

 private:
  const Clock* const clock_;
  mutable std::atomic<int> asked_{0};
};

// The order of destruction: threads first, then what they use.
class SessionWorld {
 public:
  explicit SessionWorld(int threads = 2) : executor_(threads) {}
  ~SessionWorld() {
    queue_.Stop();
    executor_.Stop();
  }

  FakeDevice NewDevice(absl::string_view user, absl::string_view scope) {
    return FakeDevice(store_, clock_, random_, user, scope);
  }
  std::shared_ptr<SessionRunner> NewRunner(FakeSink* sink, const ReplicaId& replica) {
    auto runner = std::make_shared<SessionRunner>(&context_, sink, replica);
    sink->Attach(runner.get());
    return runner;
  }

  FakeClock& clock() { return clock_; }
  const CountingClock& runner_clock() const { return runner_clock_; }
  Random& random() { return random_; }
  FaultyAuthorityStore& store() { return store_; }
  SessionContext& context() { return context_; }
  SessionNotes& notes() { return notes_; }
  CommitQueue& queue() { return queue_; }
  Executor& executor() { return executor_; }
  // With one thread: waits until what was posted before, and what that posted, has run.
  void Settle() {
    for (int i = 0; i < 4; ++i) {
      std::promise<void> ran;
      executor_.Post([&] { ran.set_value(); });
      ran.get_future().wait();
    }
  }

 private:
  static CommitQueueOptions QueueOptions() {
    CommitQueueOptions options;
    options.retry_when_full = absl::Milliseconds(1);
    return options;
  }
  SessionContext MakeContext() {
    SessionContext context;
    context.store = &store_;
    context.cursor_key = &cursor_key_;
    context.seal_key = &seal_key_;
    context.commit_queue = &queue_;
    context.notes = &notes_;
    context.executor = &executor_;
    context.clock = &runner_clock_;
    context.max_session_age = absl::Minutes(30);
    return context;
  }

  FakeClock clock_;
  CountingClock runner_clock_{&clock_};
  SeededRandom random_{7};
  FaultyAuthorityStore store_{NewMemoryAuthorityStore(random_)};
  const MacKey cursor_key_ = MacKey::Generate(random_);
  const SealKey seal_key_ = SealKey::DerivedFrom(cursor_key_);
  SessionNotes notes_{&store_};
  Executor executor_;
  CommitQueue queue_{&store_, &clock_, QueueOptions(), nullptr};
  SessionContext context_ = MakeContext();
};

}  // namespace brigada

#endif  // TESTS_UNIT_SERVER_SESSION_WORLD_H_
