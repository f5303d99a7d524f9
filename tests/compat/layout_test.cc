// The encodings that are no messages: keys, index values, chain, MACs, derived ids, invitations,
// the high-water mark. Each has one form, so what the program makes must be the golden bytes.
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "client_lib/enrollment.h"
#include "google/protobuf/timestamp.pb.h"
#include "gtest/gtest.h"
#include "replica/base/hlc.h"
#include "replica/base/ids.h"
#include "replica/base/random.h"
#include "replica/crypto/hash_chain.h"
#include "replica/crypto/mac.h"
#include "replica/crypto/seal.h"
#include "replica/merge/record.h"
#include "replica/schema/diff.h"
#include "replica/schema/fragment.h"
#include "replica/schema/index_value.h"
#include "replica/schema/search_text.h"
#include "replica/store/device_keys.h"
#include "replica/store/format.h"
#include "replica/store/high_water_mark.h"
#include "replica/store/keys.h"
#include "replica/store/sealed_body.h"
#include "replica/sync/cursor_check.h"
#include "tests/compat/filled_message.h"
#include "tests/compat/golden_file.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

constexpr char kPartition[] = "MX/20";
constexpr uint64_t kNumber = 0x0102030405060708;

RecordId Record16() { return *RecordId::Parse("0190a5b2-7c00-7abc-8def-001122334455"); }
ReplicaId Replica16() { return *ReplicaId::Parse("a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"); }

TEST(GoldenLayoutTest, KeysOfEveryTable) {
  GoldenFile golden(
      "keys.txt",
      "Keys of the tables: partition MX/20, person 0190a5b2-..., replica a0a1a2a3-..., "
      "number 0x0102030405060708.\ndocs/on-disk-format.md draws them.");
  const auto expect = [&](const char* name, absl::string_view bytes) {
    golden.Expect(name, absl::CHexEscape(bytes), bytes);
  };
  const std::string value = EncodeIndexString("rosa");
  const std::string feed = FeedPrefix(kPartition, "MX/20/067", v1::BELOW);
  expect("records", RecordKey(kPartition, 10, Record16()));
  expect("records of a type", RecordPrefix(kPartition, 10));
  expect("index", IndexKey(kPartition, 10, 1, value, Record16()));
  expect("index of a field", IndexPrefix(kPartition, 10, kScopeFieldNumber));
  expect("feeds below", FeedKey(kPartition, "MX/20/067", v1::BELOW, kNumber, 10, Record16()));
  expect("feeds here", FeedKey(kPartition, "MX", v1::HERE, kNumber, 10, Record16()));
  expect("a place in a feed", FeedBound(feed, kNumber));
  expect("verdicts progress", ProgressKey(kPartition, Replica16()));
  expect("verdicts by sequence", VerdictKey(kPartition, Replica16(), kNumber));
  expect("verdicts by place", VerdictPlaceKey(kPartition, Replica16(), kNumber));
  expect("rejected quarantine", QuarantineKey(kPartition, Replica16(), kNumber));
  expect("rejected that waits", WaitingKey(kPartition, 10, Record16(), Replica16(), kNumber));
  expect("outbox and rejected", ChangeSetKey(kPartition, kNumber));
  expect("meta run", RunKey(kNumber));
  expect("meta head", HeadKey(kPartition));
  expect("meta count", CountKey(10));
  expect("meta collected", CollectedKey(kPartition));
  expect("meta epoch", EpochKey(kNumber));
  expect("sums", SumKey(kPartition, "MX/20/067", v1::BELOW));
  for (const absl::string_view name :
       {kFormatKey, kClockKey, kOpenConflictsKey, kReplicaKey, kUserKey, kWelcomeKey, kPurgeKey,
        kReceiptKey, kRepairsKey, kFoliosKey})
    expect(absl::StrCat("meta ", name).c_str(), name);
  for (const absl::string_view name : {kOutboxHeadName, kCursorName, kLeftCursorName, kSettingName})
    expect(absl::StrCat("meta ", name).c_str(), NamedMetaKey(name, kPartition));
  expect("a number as value", NumberValue(kNumber));
  golden.Finish();
}

TEST(GoldenLayoutTest, TablesKeepTheirNames) {
  GoldenFile golden("tables.txt", "Column families, in the order of the enum Table.");
  for (int i = 0; i < kTableCount; ++i)
    golden.Expect(absl::StrCat(i), TableName(static_cast<Table>(i)), "");
  golden.Finish();
}

TEST(GoldenLayoutTest, FormatOfThisProgram) {
  GoldenFile golden("format.txt", "Meta `format` of each kind of store.");
  for (const StoreKind kind : {StoreKind::kAuthority, StoreKind::kDevice}) {
    KvBatch batch;
    PutFormat(kind, &batch);
    ASSERT_EQ(batch.ops().size(), 1U);
    golden.Expect(std::string(1, static_cast<char>(kind)), batch.ops()[0].value,
                  batch.ops()[0].value);
  }
  golden.Finish();
}

TEST(GoldenLayoutTest, IndexValuesOfEveryKind) {
  GoldenFile golden("index_values.txt", "What secondary indexes hold of a value (index_value.h).");
  for (const int64_t value : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX})
    golden.Expect(absl::StrCat("integer ", value), "", EncodeIndexInt64(value));
  for (const double value : {-1e300, -1.5, -0.0, 0.0, 2.5})
    golden.Expect(absl::StrCat("real ", value), "", EncodeIndexDouble(value));
  golden.Expect("not a number", "", EncodeIndexDouble(std::numeric_limits<double>::quiet_NaN()));
  golden.Expect("text", "María", EncodeIndexString("María"));
  golden.Expect("text with a zero", "a\\0b", EncodeIndexString(absl::string_view("a\0b", 3)));
  google::protobuf::Timestamp time;
  time.set_seconds(1'767'225'600);
  time.set_nanos(123'456'789);
  golden.Expect("time", "2026-01-01T00:00:00.123456789Z", EncodeIndexTime(time));
  for (const std::string& token : SearchTokens("María Ñeco O'Brien"))
    golden.Expect(absl::StrCat("word ", token), "", EncodeIndexToken(token));
  testing::Sample sample;
  sample.set_title("Peña");
  sample.add_tags("b");
  sample.add_tags("a");
  sample.set_state(testing::DONE);
  sample.set_ratio(0.5);
  for (const FieldType& field : SampleType().fields()) {
    int number = 0;
    for (const std::string& value : IndexValues(field, sample))
      golden.Expect(absl::StrCat("of a sample's ", field.name, " ", number++), "", value);
  }
  golden.Finish();
}

TEST(GoldenLayoutTest, ChainAndMacs) {
  GoldenFile golden("chain_and_macs.txt",
                    "Values that are stored, signed and compared (hash_chain.h, mac.h).");
  const ChainValue start = ChainStart(Replica16().bytes(), kPartition);
  const Sha256Digest body = BodyHash(std::string(16, 's'), "body");
  golden.Expect("chain start", "replica a0a1..., partition MX/20", AsView(start));
  golden.Expect("body hash", "salt 16 times s, body \"body\"", AsView(body));
  golden.Expect("next chain", "header \"header\"", AsView(NextChain(start, "header", body)));
  const MacKey key = *MacKey::FromBytes(std::string(32, 'k'));
  golden.Expect("mac", "key 32 times k, parts \"a\", \"bc\"", ComputeMac(key, {"a", "bc"}));
  const auto filled = FilledMessages(v1::Cursor::descriptor());
  const auto& cursor = dynamic_cast<const v1::Cursor&>(*filled[0].second);
  const std::string input = CursorMacInput(Replica16(), cursor);
  golden.Expect("cursor covered", "the filled Cursor of messages.txt", input);
  golden.Expect("cursor mac", "the same key, label \"cursor\"", ComputeMac(key, {"cursor", input}));
  golden.Finish();
}

// What devices keep for a restored server: it has to open it years later.
TEST(GoldenLayoutTest, SealedWork) {
  GoldenFile golden("sealed.txt",
                    "What a device seals to the organization (seal.h, sealed_body.h). The secret "
                    "is 32 times s,\nthe sender's random bytes are those of SeededRandom(7).");
  const SealKey key = SealKey::DerivedFrom(*MacKey::FromBytes(std::string(32, 's')));
  golden.Expect("public key", "told in the welcome", key.public_key());
  SeededRandom random(7);
  v1::ChangeSet set;
  set.set_header("header");
  set.set_salt(std::string(16, 't'));
  set.set_body("body");
  const std::string box = Seal(key.public_key(), "content", "about", random).value();
  golden.Expect("box", "content \"content\", about \"about\"", box);
  v1::ChangeSet sealed = set;
  ASSERT_OK(SealBody(key.public_key(), random, &sealed));
  golden.Expect("change set", "header \"header\", salt 16 times t, body \"body\"",
                sealed.SerializeAsString());
  // What earlier versions sealed is opened, however it is sealed today.
  if (!IsRegenerating()) {
    EXPECT_EQ(key.Open(golden.Find("box")->bytes, "about").value_or(""), "content");
    ASSERT_TRUE(sealed.ParseFromString(golden.Find("change set")->bytes));
    EXPECT_TRUE(OpenBody(key, &sealed));
    EXPECT_EQ(sealed.SerializeAsString(), set.SerializeAsString());
  }
  golden.Finish();
}

TEST(GoldenLayoutTest, IdsThatEveryDeviceDerivesAlike) {
  GoldenFile golden("derived_ids.txt", "Ids that are made of what they are about (ids.h, diff.h).");
  golden.Expect("parts", "\"a\", \"bc\"", DerivedRecordId({"a", "bc"}).bytes());
  History history;
  history.Commit(Create(Title("a")), {.replica = 'A', .stamp_ms = 1});
  history.Commit(Edit(Title("b")), {.replica = 'B', .stamp_ms = 2, .seen = 1});
  const ApplyResult met =
      history.Commit(Edit(Title("c")), {.replica = 'C', .stamp_ms = 3, .seen = 1});
  ASSERT_EQ(met.conflicts.size(), 1U);
  golden.Expect("conflict", "title of sample, opened at commit 3", met.conflicts[0].id.bytes());
  const auto registry =
      Registry::Build({testing::SamplePair::descriptor(), testing::Sample::descriptor()});
  ASSERT_OK(registry);
  testing::SamplePair pair;
  pair.set_left(std::string(16, 'l'));
  pair.set_right(std::string(16, 'r'));
  ASSERT_OK_AND_ASSIGN(const RecordId id, DeriveId(*(*registry)->FindByName("SamplePair"), pair));
  golden.Expect("sample pair", "left 16 times l, right 16 times r", id.bytes());
  golden.Finish();
}

TEST(GoldenLayoutTest, PointsOfTheHybridClock) {
  GoldenFile golden("clock.txt", "Milliseconds since 1970 in 48 bits, 16 logical bits.");
  const Hlc point = Hlc::FromTime(absl::FromUnixMillis(1'767'225'600'123));
  golden.Expect("2026-01-01T00:00:00.123Z", absl::StrCat(point.value), NumberValue(point.value));
  golden.Expect("the next", absl::StrCat(point.Next().value), NumberValue(point.Next().value));
  golden.Finish();
}

TEST(GoldenLayoutTest, CommitPointOfTheHighWaterMark) {
  GoldenFile golden("commit_point.txt",
                    "What the store and the file beside it hold (high_water_mark.h).");
  const CommitPoint point = CommitPoint().After("first group").After("second group");
  golden.Expect("after two groups", "", point.Encode());
  golden.Finish();
  EXPECT_EQ(CommitPoint::Decode(point.Encode()), point);
}

TEST(GoldenLayoutTest, InvitationAsText) {
  GoldenFile golden("invitation.txt", "What an administrator hands to a person.");
  v1::Invitation invitation;
  invitation.set_server("brigada.example.mx:7443");
  invitation.set_ca_der("not a certificate");
  invitation.set_code(std::string(16, 'c'));
  invitation.set_expires_ms(1'767'225'600'000);
  invitation.set_user("ana");
  const std::string text =
      absl::StrCat("BRG1-", absl::WebSafeBase64Escape(DeterministicBytes(invitation)));
  golden.Expect("ana", text, DeterministicBytes(invitation));
  golden.Finish();
  ASSERT_OK_AND_ASSIGN(const v1::Invitation read, ReadInvitation(golden.Find("ana")->text));
  EXPECT_EQ(DeterministicBytes(read), DeterministicBytes(invitation));
}

TEST(GoldenLayoutTest, FragmentsOfChanges) {
  GoldenFile golden("fragments.txt", "Fields as changes carry them (fragment.h).");
  const RecordType& type = SampleType();
  golden.Expect("scope", "MX/20/067", ScopeFragment("MX/20/067"));
  golden.Expect("counter", "tally -3", CounterFragment(*type.FindField("tally"), -3));
  golden.Expect("small counter", "small_tally -3",
                CounterFragment(*type.FindField("small_tally"), -3));
  golden.Expect("map key", "notes k", MapKeyFragment(*type.FindField("notes"), "\x01k"));
  testing::Sample sample;
  sample.set_title("título");
  sample.add_tags("b");
  sample.add_marks(-1);
  sample.add_marks(300);
  (*sample.mutable_notes())["k"] = "v";
  (*sample.mutable_chapters())[7].set_head("h");
  sample.set_maybe(0);
  const auto fragments = SplitFragments(&type, DeterministicBytes(sample));
  ASSERT_OK(fragments);
  for (const Fragment& fragment : *fragments) {
    golden.Expect(
        absl::StrCat("field ", fragment.number, " key ", absl::BytesToHexString(fragment.key)), "",
        fragment.bytes);
  }
  golden.Finish();
}

}  // namespace
}  // namespace brigada
