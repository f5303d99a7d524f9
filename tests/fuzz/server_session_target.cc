// A device of the organization that says anything: whatever it sends, the session answers or ends,
// and the authority's store stays one that can be read and opened.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/sealed_body.h"
#include "replica/sync/codec.h"
#include "replica/sync/session_limits.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/test_server.h"

namespace brigada {
namespace {

constexpr int kMaxEvents = 40;

class ServerUnderFire {
 public:
  ServerUnderFire() {
    Open(/*restored=*/false);
    server_ = std::make_unique<TestServer>(store_.get(), &judge_, &clock_);
    server_->SetPeer(
        {.replica = FuzzReplica('A'), .user = "ana", .feeds = FuzzFeeds(), .grants = {}});
    Connect();
  }

  void Take(const fuzz::ServerEvent& event) {
    clock_.Advance(absl::Seconds(event.seconds() % 200));
    if (event.backs_up()) CopyDisk(disk_, backup_);
    if (event.goes_back() != fuzz::ServerEvent::STAYS)
      GoBack(event.goes_back() == fuzz::ServerEvent::RESTORED);
    if (event.cut()) Connect();
    if (event.has_frame()) Deliver(event);
    if (event.commits()) Commit();
    session_->OnTick(clock_.Monotonic());
    TakeFrames(event.frames() % 64);
  }

  void End() {
    Commit();
    TakeFrames(64);
    CheckAuthority(disk_, *store_);
  }

 private:
  void Open(bool restored) {
    auto opened = OpenAuthorityStore(std::make_unique<LentKv>(disk_), {.registry = &FuzzRegistry(),
                                                                       .random = &random_,
                                                                       .now = clock_.Now(),
                                                                       .restored = restored});
    CHECK(opened.ok());
    store_ = *std::move(opened);
    if (first_epoch_.is_zero()) first_epoch_ = store_->epoch();
  }

  // What waits for the commit queue is gone with the process.
  void GoBack(bool restored) {
    session_.reset();
    peer_.reset();
    store_.reset();
    CopyDisk(backup_, disk_);
    Open(restored);
    server_->Restart(store_.get());
    Connect();
  }

  void Connect() {
    asked_ = 0;
    session_.reset();
    peer_ = std::make_unique<TestServer::Peer>(server_.get());
    session_ = std::make_unique<ServerSession>(store_.get(), peer_.get(), ServerSessionOptions());
    peer_->Attach(session_.get());
  }

  void Commit() { CHECK(server_->RunCommits().ok()); }

  void TakeFrames(uint32_t frames) {
    for (; frames > 0; --frames) {
      const auto frame = session_->NextFrame(clock_.Now());
      if (!frame.has_value()) return;
      CHECK(frame->ByteSizeLong() <= kMaxFrameBytes);
      if (!frame->has_batch()) continue;
      v1::BatchBody body;
      CHECK(UnpackBody(frame->batch().body(), frame->batch().inflated_bytes(), kMaxInflatedBytes,
                       &body)
                .ok());
    }
  }

  void Deliver(const fuzz::ServerEvent& event) {
    v1::ClientFrame frame = event.frame();
    if (frame.has_push() && event.sets_size() > 0) {
      v1::PushBody body;
      for (const fuzz::ScriptedChangeSet& set : event.sets())
        *body.add_change_sets() = Assemble(set);
      *body.mutable_redelivered() = event.redelivered();
      if (!event.as_is()) {
        MendPush(event.skips(), &body, frame.mutable_push());
        MendRedelivered(&body);
      }
      PackedBody packed = PackBody(body);
      frame.mutable_push()->set_body(std::move(packed.bytes));
      frame.mutable_push()->set_inflated_bytes(packed.inflated_bytes);
    }
    if (frame.has_hello() && !event.as_is()) MendHello(frame.mutable_hello());
    if (frame.has_range_check() && !event.as_is()) MendQuestion(frame.mutable_range_check());
    if (frame.has_range_items() && !event.as_is()) MendQuestion(frame.mutable_range_items());
    // What a transport cannot read ends the stream; it reads on only when the session wants it to.
    v1::ClientFrame received;
    if (!received.ParseFromString(frame.SerializeAsString())) return Connect();
    if (!session_->wants_frames()) Commit();
    if (session_->wants_frames()) session_->OnFrame(received, clock_.Now());
  }

  void MendHello(v1::Hello* hello) const {
    hello->set_protocol_version(1);
    hello->add_features(std::string(kFingerprintsFeature));
    hello->set_replica(FuzzReplica('A').AsBytes());
    for (v1::Cursor& cursor : *hello->mutable_cursors()) MendCursor(&cursor);
    for (v1::Cursor& cursor : *hello->mutable_left()) MendCursor(&cursor);
  }

  void MendCursor(v1::Cursor* cursor) const {
    if (cursor->epoch().empty()) cursor->set_epoch(store_->epoch().AsBytes());
    if (cursor->run().empty()) cursor->set_run(store_->run().AsBytes());
    cursor->set_mac(peer_->SignCursor(FuzzReplica('A'), *cursor));
  }

  template <typename Question>
  void MendQuestion(Question* question) {
    if (question->partition().empty()) question->set_partition(kFuzzPartition);
    if (question->number() == 0) question->set_number(++asked_);
  }

  // Gives the change sets the next sequences, and the push the chain value they lead to.
  void MendPush(uint64_t skips, v1::PushBody* body, v1::Push* push) const {
    if (push->partition().empty()) push->set_partition(kFuzzPartition);
    const auto last = store_->LastSequence(FuzzReplica('A'), push->partition());
    const auto stored = store_->LastChain(FuzzReplica('A'), push->partition());
    CHECK(last.ok() && stored.ok());
    ChainValue chain = ChainStart(FuzzReplica('A').bytes(), push->partition());
    if (stored->size() == chain.size()) std::copy(stored->begin(), stored->end(), chain.begin());
    uint64_t sequence = *last;
    if (skips > 0) {
      sequence += skips % 1000;
      push->set_chain_before(std::string(AsView(chain)));
    }
    for (v1::ChangeSet& set : *body->mutable_change_sets()) {
      v1::ChangeSetHeader header;
      header.ParseFromString(set.header());
      header.set_replica(FuzzReplica('A').AsBytes());
      header.set_partition(push->partition());
      header.set_sequence(++sequence);
      if (header.has_position() && header.position().epoch().empty())
        header.mutable_position()->set_epoch(store_->epoch().AsBytes());
      set.set_header(header.SerializeAsString());
      const Sha256Digest hash = BodyHashOf(set).value_or(BodyHash(set.salt(), set.sealed_body()));
      chain = NextChain(chain, set.header(), hash);
    }
    push->set_chain(std::string(AsView(chain)));
  }

  // Gives what was said before the numbers of its change sets, and the epoch that may be lost.
  void MendRedelivered(v1::PushBody* body) const {
    for (int i = 0; i < std::min(body->redelivered_size(), body->change_sets_size()); ++i) {
      v1::Redelivered& before = *body->mutable_redelivered(i);
      if (before.epoch().empty()) before.set_epoch(first_epoch_.AsBytes());
      if (before.verdict().sequence() != 0) continue;
      v1::ChangeSetHeader header;
      header.ParseFromString(body->change_sets(i).header());
      before.mutable_verdict()->set_sequence(header.sequence());
    }
  }

  FakeClock clock_;
  SeededRandom random_{7};
  FuzzJudge judge_;
  const std::shared_ptr<Kv> disk_ = NewMemoryKv();
  const std::shared_ptr<Kv> backup_ = NewMemoryKv();
  uint64_t asked_ = 0;  // questions of this session
  Epoch first_epoch_;
  std::unique_ptr<AuthorityStore> store_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<TestServer::Peer> peer_;
  std::unique_ptr<ServerSession> session_;
};

}  // namespace

void FuzzServerSession(absl::string_view input) {
  fuzz::ServerScript script;
  if (!ParseScript(input, &script)) return;
  ServerUnderFire server;
  const int events = std::min(script.events_size(), kMaxEvents);
  for (int i = 0; i < events; ++i) server.Take(script.events(i));
  server.End();
}

}  // namespace brigada
