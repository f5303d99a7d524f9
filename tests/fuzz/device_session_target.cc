// A server that says anything: whatever it sends, the session answers or ends, and the device's
// store stays one that can be read, opened and worked on.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/schema/diff.h"
#include "replica/store/memory_kv.h"
#include "replica/sync/codec.h"
#include "replica/sync/device_session.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr int kMaxEvents = 40;

class DeviceUnderFire {
 public:
  DeviceUnderFire() {
    auto opened =
        OpenDeviceStore(std::make_unique<LentKv>(disk_), {&FuzzRegistry(), &clock_, &random_});
    CHECK(opened.ok());
    store_ = *std::move(opened);
    CHECK(store_->SetUser("ana").ok());
    // Two change sets wait, so that verdicts have something to be about.
    const RecordType& type = *FuzzRegistry().FindByName("Sample");
    testing::Sample sample;
    sample.set_title("a");
    sample.add_tags("a");
    sample.set_tally(1);
    for (const char letter : {'A', 'B'}) {
      const RecordId id = *RecordId::FromBytes(std::string(16, letter));
      CHECK(store_
                ->Commit({*CreateChange(type, id, *Scope::Parse("MX/20/067"), sample)},
                         Durability::kSync)
                .ok());
    }
    Connect();
  }

  void Take(const fuzz::DeviceEvent& event) {
    clock_.Advance(absl::Seconds(event.seconds() % 200));
    if (event.cut()) Connect();
    if (event.divides()) Divide(event);
    fuzz::DeviceEvent read;
    if (event.commit_size() > 0 && read.ParseFromString(event.SerializeAsString())) {
      // Refused or done: both are fine.
      store_->Commit({read.commit().begin(), read.commit().end()}, Durability::kSync)
          .status()
          .IgnoreError();
      session_->OnCommit();
    }
    if (event.has_frame()) Deliver(event);
    if (!session_->OnTick(clock_.Monotonic()).ok()) Connect();
    for (uint32_t frames = event.frames() % 64; frames > 0; --frames) {
      const auto frame = session_->NextFrame();
      if (!frame.ok()) return Connect();
      if (!frame->has_value()) return;
      CHECK((*frame)->ByteSizeLong() <= kMaxFrameBytes);
      if ((*frame)->has_range_items() || (*frame)->has_range_check()) question_ = **frame;
    }
  }

  void End() const { CheckDevice(disk_, *store_); }

 private:
  // Refused or done, but never half.
  void Divide(const fuzz::DeviceEvent& event) {
    session_.reset();
    const std::vector<v1::SharedWork> shared(event.shared().begin(), event.shared().end());
    store_->BecomeReplica(NewRandomId<ReplicaId>(random_), shared).IgnoreError();
    CHECK(store_->UnsentChains().ok());
    Connect();
  }

  void Connect() {
    session_ = std::make_unique<DeviceSession>(store_.get(), DeviceSessionOptions(), clock_.Now(),
                                               clock_.Monotonic());
  }

  void Deliver(const fuzz::DeviceEvent& event) {
    v1::ServerFrame frame = event.frame();
    if (frame.has_batch()) {
      if (!event.as_is()) MendBatch(frame.mutable_batch());
      if (event.has_body()) {
        PackedBody packed = PackBody(BodyOf(event));
        frame.mutable_batch()->set_body(std::move(packed.bytes));
        frame.mutable_batch()->set_inflated_bytes(packed.inflated_bytes);
      }
    }
    if (frame.has_range_repair() && !event.as_is()) {
      MendAnswer(question_.range_items(), frame.mutable_range_repair());
      if (frame.range_repair().end().empty())
        frame.mutable_range_repair()->set_end(question_.range_items().end());
    }
    if (frame.has_range_answer() && !event.as_is())
      MendAnswer(question_.range_check(), frame.mutable_range_answer());
    if (frame.has_range_repair() && event.has_repair_body()) {
      PackedBody packed = PackBody(event.repair_body());
      frame.mutable_range_repair()->set_body(std::move(packed.bytes));
      frame.mutable_range_repair()->set_inflated_bytes(packed.inflated_bytes);
    }
    if (frame.has_welcome() && !event.as_is()) frame.mutable_welcome()->set_protocol_version(1);
    // What a transport cannot read ends the stream.
    v1::ServerFrame received;
    if (!received.ParseFromString(frame.SerializeAsString())) return Connect();
    // An error ends a session; the transport opens another.
    if (!session_->OnFrame(received, clock_.Monotonic()).ok()) Connect();
  }

  template <typename Question, typename Answer>
  static void MendAnswer(const Question& question, Answer* answer) {
    if (answer->partition().empty()) answer->set_partition(question.partition());
    if (answer->number() == 0) answer->set_number(question.number());
  }

  static v1::BatchBody BodyOf(const fuzz::DeviceEvent& event) {
    v1::BatchBody body = event.body();
    for (uint32_t i = 0; body.entries_size() > 0 && i < event.copies() % 256; ++i) {
      v1::Entry copy = body.entries(0);
      std::string id(16, 'a');
      id.back() = static_cast<char>(i);
      copy.set_record_id(id);
      *body.add_entries() = std::move(copy);
    }
    return body;
  }

  // Goes on at the device's cursor, with a cursor of its own that fits.
  void MendBatch(v1::Batch* batch) const {
    if (batch->partition().empty()) batch->set_partition(kFuzzPartition);
    uint64_t complete = 0;
    batch->set_from(0);
    for (const v1::Cursor& cursor : store_->Cursors()) {
      if (cursor.partition() != batch->partition()) continue;
      batch->set_from(cursor.scanned());
      complete = cursor.complete();
    }
    batch->set_to(std::max(batch->to(), batch->from()));
    batch->set_head(std::max(batch->head(), batch->to()));
    batch->set_checkpoint(batch->to() == batch->head());
    v1::Cursor& cursor = *batch->mutable_cursor();
    cursor.set_partition(batch->partition());
    // A welcome names an epoch first; without one nothing is taken.
    const std::string epoch = store_->LastWelcome().epoch();
    cursor.set_epoch(epoch.empty() ? std::string(16, 'e') : epoch);
    cursor.set_run(std::string(16, 'r'));
    cursor.set_scanned(batch->to());
    cursor.set_complete(batch->checkpoint() ? batch->to() : complete);
  }

  FakeClock clock_;
  SeededRandom random_{7};
  v1::ClientFrame question_;  // the last of a repair
  const std::shared_ptr<Kv> disk_ = NewMemoryKv();
  std::unique_ptr<DeviceStore> store_;
  std::unique_ptr<DeviceSession> session_;
};

}  // namespace

void FuzzDeviceSession(absl::string_view input) {
  fuzz::DeviceScript script;
  if (!ParseScript(input, &script)) return;
  DeviceUnderFire device;
  const int events = std::min(script.events_size(), kMaxEvents);
  for (int i = 0; i < events; ++i) device.Take(script.events(i));
  device.End();
}

}  // namespace brigada
