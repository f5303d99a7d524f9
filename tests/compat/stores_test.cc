// Whole stores of earlier versions: a device's and a server's directory as RocksDB left them, with
// a dump of what they hold, and the frames of the sessions between them.
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/person.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "replica/base/limits.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/store_check.h"
#include "replica/sync/codec.h"
#include "tests/compat/golden_file.h"
#include "tests/compat/golden_world.h"
#include "tests/compat/store_dump.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

constexpr char kAna[] = "ana";
constexpr char kServer[] = "server";

// RocksDB writes its settings beside the store and does not need them to open it.
bool IsKept(const std::string& file) {
  return !absl::StartsWith(file, "OPTIONS") && file != "LOCK" && file != "LOG";
}

void CopyFiles(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from))
    if (IsKept(entry.path().filename().string())) fs::copy(entry.path(), to);
}

std::string TextOf(const google::protobuf::Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(message, &text));
  return text;
}

// The body of a push or batch inside `frame`; "" for other frames.
std::string BodyText(const v1::ClientFrame& frame) {
  if (!frame.has_push()) return "";
  v1::PushBody body;
  EXPECT_OK(
      UnpackBody(frame.push().body(), frame.push().inflated_bytes(), kMaxInflatedBytes, &body));
  return TextOf(body);
}
std::string BodyText(const v1::ServerFrame& frame) {
  if (!frame.has_batch()) return "";
  v1::BatchBody body;
  EXPECT_OK(
      UnpackBody(frame.batch().body(), frame.batch().inflated_bytes(), kMaxInflatedBytes, &body));
  return TextOf(body);
}

// zstd may pack a body otherwise from version to version, so the text shows it unpacked.
template <typename Frame>
std::string FrameText(const Frame& frame) {
  return absl::StrCat(TextOf(frame), "# body\n", BodyText(frame));
}

class GoldenStoresTest : public ::testing::Test {
 protected:
  GoldenStoresTest() : scratch_(absl::StrCat(::testing::TempDir(), "brigada_golden_stores")) {
    fs::remove_all(scratch_);
    fs::create_directories(scratch_);
    if (IsRegenerating()) return;
    for (const char* store : {kAna, kServer})
      CopyFiles(GoldenPath(absl::StrCat("stores/", store)), scratch_ / store);
  }
  void TearDown() override { fs::remove_all(scratch_); }

  std::unique_ptr<Kv> Open(const char* name) {
    auto kv = OpenRocksKv({.path = (scratch_ / name).string()});
    EXPECT_OK(kv);
    return kv.ok() ? *std::move(kv) : nullptr;
  }
  std::unique_ptr<DeviceStore> OpenAna() {
    auto store = OpenDeviceStore(Open(kAna), {&Registry::BuiltIn(), &clock_, &random_});
    EXPECT_OK(store);
    return *std::move(store);
  }
  std::unique_ptr<AuthorityStore> OpenServer() {
    auto store = OpenAuthorityStore(
        Open(kServer), {.registry = &Registry::BuiltIn(), .random = &random_, .now = clock_.Now()});
    EXPECT_OK(store);
    return *std::move(store);
  }
  static std::vector<std::string> NamesOf(absl::StatusOr<std::unique_ptr<ReadView>> view) {
    EXPECT_OK(view);
    std::vector<std::string> names;
    const auto cursor =
        (*view)->Scan(*Registry::BuiltIn().FindByName("Person"), *Scope::Parse("MX"));
    while (true) {
      const auto record = cursor->Next();
      EXPECT_OK(record);
      if (!record.ok() || !record->has_value()) return names;
      v1::Person person;
      EXPECT_TRUE(person.ParseFromString((*record)->message));
      names.push_back(
          absl::StrCat((*record)->scope, " ", person.name().given_names(), " ", person.notes()));
    }
  }

  const fs::path scratch_;
  FakeClock clock_{absl::FromUnixSeconds(1'767'300'000)};
  SeededRandom random_{9};
};

constexpr absl::string_view kDumpAbout =
    "What the store in the directory of this name holds, key by key.";
constexpr absl::string_view kFramesAbout =
    "Frames of the sessions of tests/compat/golden_world.h, in order, with their bodies unpacked.";

template <typename Frame>
void KeepFrames(const char* end, const std::vector<Frame>& sent, GoldenFile* golden) {
  int number = 0;
  for (const Frame& frame : sent)
    golden->Expect(absl::StrCat(end, " ", ++number), FrameText(frame), frame.SerializeAsString());
}

TEST_F(GoldenStoresTest, Regenerate) {
  if (!IsRegenerating()) GTEST_SKIP() << "only with BRIGADA_REGENERATE=1";
  auto world = std::make_unique<GoldenWorld>(scratch_.string());
  GoldenFile frames("frames.txt", kFramesAbout);
  KeepFrames("client", world->client_frames(), &frames);
  KeepFrames("server", world->server_frames(), &frames);
  frames.Finish();
  // The stores are closed when the world is gone.
  world.reset();
  for (const char* store : {kAna, kServer}) {
    CopyFiles(scratch_ / store, GoldenPath(absl::StrCat("stores/", store)));
    GoldenFile dump(absl::StrCat("stores/", store, ".txt"), kDumpAbout);
    for (const DumpedValue& value : DumpStore(*Open(store)))
      dump.Expect(value.name, value.text, value.bytes);
    dump.Finish();
  }
}

TEST_F(GoldenStoresTest, DirectoriesHoldWhatTheirDumpsSay) {
  if (IsRegenerating()) GTEST_SKIP();
  for (const char* store : {kAna, kServer}) {
    GoldenFile dump(absl::StrCat("stores/", store, ".txt"), kDumpAbout);
    for (const DumpedValue& value : DumpStore(*Open(store)))
      dump.Expect(value.name, value.text, value.bytes);
    dump.Finish();
  }
}

// Among others the sums that were stored then are what this program makes of the records.
TEST_F(GoldenStoresTest, StoresAgreeWithThemselves) {
  if (IsRegenerating()) GTEST_SKIP();
  for (const auto& [name, kind] :
       {std::pair(kAna, StoreKind::kDevice), std::pair(kServer, StoreKind::kAuthority)}) {
    ASSERT_OK_AND_ASSIGN(const StoreFindings findings,
                         CheckStoreAt((scratch_ / name).string(), kind, Registry::BuiltIn()));
    EXPECT_GT(findings.records, 0U) << name;
    EXPECT_EQ(findings.damages, 0U) << name;
  }
}

TEST_F(GoldenStoresTest, ADeviceOpensReadsAndGoesOn) {
  if (IsRegenerating()) GTEST_SKIP();
  const auto ana = OpenAna();
  EXPECT_EQ(ana->user(), "ana");
  EXPECT_THAT(NamesOf(ana->Read()),
              ::testing::UnorderedElementsAre("MX/20/067 Rosa de Luis", "MX/20/551 José pendiente",
                                              "MX/20/551 Ana María ", "MX/20/067 Sin enviar "));
  ASSERT_OK_AND_ASSIGN(const StoreCounts counts, ana->Counts());
  EXPECT_EQ(counts.pending, 2U);
  EXPECT_EQ(counts.rejected, 1U);
  EXPECT_EQ(counts.open_conflicts, 1U);
  ASSERT_OK_AND_ASSIGN(const auto rejected, ana->Rejected());
  EXPECT_EQ(rejected[0].verdict().refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_THAT(ana->GetSetting("server"), IsOkAndHolds("brigada.example.mx:7443"));
  EXPECT_EQ(ana->Head("MX/20").confirmed() + 2, ana->Head("MX/20").sequence());
}

TEST_F(GoldenStoresTest, AServerOpensAndKnowsWhatItJudged) {
  if (IsRegenerating()) GTEST_SKIP();
  const auto server = OpenServer();
  EXPECT_THAT(NamesOf(server->Read()),
              ::testing::UnorderedElementsAre(::testing::StartsWith("MX/20/067 Rosa de "),
                                              "MX/20/551 José ", "MX/20/551 Ana María "));
  const auto ana = OpenAna();
  EXPECT_THAT(server->LastSequence(ana->replica(), "MX/20"),
              IsOkAndHolds(ana->Head("MX/20").confirmed()));
  for (const DirectoryKind kind : {DirectoryKind::kDevice, DirectoryKind::kInvitation,
                                   DirectoryKind::kSetting, DirectoryKind::kUser}) {
    EXPECT_THAT(server->GetEntry(kind, "key"),
                IsOkAndHolds(::testing::Optional(std::string("value"))));
  }
}

TEST_F(GoldenStoresTest, BothGoOnWithASessionThatTheGoldenCursorContinues) {
  if (IsRegenerating()) GTEST_SKIP();
  const auto ana = OpenAna();
  const auto authority = OpenServer();
  const GoldenJudge judge;
  TestServer server(authority.get(), &judge, &clock_);
  server.SetPeer(GoldenWorld::Identity(ana->replica(), "ana"));
  LoopbackOptions options;
  int resets = -1;
  options.on_server_frame = [&](const v1::ServerFrame& frame) {
    if (frame.has_welcome()) resets = frame.welcome().resets_size();
  };
  Loopback loopback(&server, ana.get(), options);
  EXPECT_EQ(loopback.Run(), Loopback::End::kFinished) << loopback.device_status();
  EXPECT_EQ(resets, 0);
  EXPECT_EQ(ana->Counts()->pending, 0U);
  EXPECT_EQ(NamesOf(ana->Read()), NamesOf(authority->Read()));
}

TEST(GoldenFramesTest, FramesOfEarlierSessionsAreRead) {
  if (IsRegenerating()) GTEST_SKIP();
  GoldenFile frames("frames.txt", kFramesAbout);
  ASSERT_FALSE(frames.names().empty());
  for (const std::string& name : frames.names()) {
    const std::string bytes = frames.Find(name)->bytes;
    if (absl::StartsWith(name, "client")) {
      v1::ClientFrame frame;
      ASSERT_TRUE(frame.ParseFromString(bytes)) << name;
      frames.Expect(name, FrameText(frame), frame.SerializeAsString());
    } else {
      v1::ServerFrame frame;
      ASSERT_TRUE(frame.ParseFromString(bytes)) << name;
      frames.Expect(name, FrameText(frame), frame.SerializeAsString());
    }
  }
  frames.Finish();
}

}  // namespace
}  // namespace brigada
