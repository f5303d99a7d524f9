// Bodies from a peer that means harm: whatever the bytes say, nothing large is inflated and the
// answer is a status.
#define ZSTD_STATIC_LINKING_ONLY
#include "replica/sync/codec.h"

#include <zstd.h>

#include <string>

#include "brigada/v1/sync_service.pb.h"
#include "gtest/gtest.h"
#include "replica/base/limits.h"
#include "replica/base/random.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

v1::PushBody BodyOf(const std::string& content) {
  v1::PushBody body;
  body.add_change_sets()->set_body(content);
  return body;
}

std::string RandomBytes(size_t size) {
  SeededRandom random(7);
  std::string bytes(size, '\0');
  random.Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
  return bytes;
}

absl::Status Unpack(absl::string_view body, size_t inflated, size_t limit = kMaxInflatedBytes) {
  v1::PushBody message;
  return UnpackBody(body, static_cast<uint32_t>(inflated), limit, &message);
}

// One frame with the window and the content-size flag as asked.
std::string CompressWith(const std::string& content, int window_log, bool states_size) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, states_size ? 1 : 0);
  std::string out(ZSTD_compressBound(content.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), content.data(), content.size()));
  ZSTD_freeCCtx(context);
  return out;
}

TEST(CodecTest, GivesBackWhatWasPacked) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{3} << 20}) {
    const v1::PushBody sent = BodyOf(RandomBytes(size));
    const PackedBody packed = PackBody(sent);
    v1::PushBody got;
    ASSERT_OK(UnpackBody(packed.bytes, packed.inflated_bytes, kMaxInflatedBytes, &got)) << size;
    EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
  }
}

TEST(CodecTest, TakesAnEmptyMessage) {
  const PackedBody packed = PackBody(v1::PushBody());
  EXPECT_OK(Unpack(packed.bytes, packed.inflated_bytes));
}

TEST(CodecTest, HonestContentThatCompressesTooWellIsPaddedAndTaken) {
  const PackedBody packed = PackBody(BodyOf(std::string(1'000'000, 'a')));
  EXPECT_GE(packed.bytes.size(), (1000000 - kInflationFloorBytes) / kMaxInflationRatio);
  EXPECT_OK(Unpack(packed.bytes, packed.inflated_bytes));
}

TEST(CodecTest, RefusesABomb) {
  const std::string zeros(kMaxInflatedBytes, '\0');
  const std::string bomb = CompressWith(zeros, 20, true);
  ASSERT_LT(bomb.size(), size_t{2000});
  EXPECT_THAT(Unpack(bomb, zeros.size()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("times")));
}

TEST(CodecTest, RefusesMoreThanTheLimitBeforeInflating) {
  const PackedBody packed = PackBody(BodyOf(RandomBytes(100'000)));
  EXPECT_THAT(Unpack(packed.bytes, packed.inflated_bytes, 99'999),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit")));
}

TEST(CodecTest, RefusesAnotherSizeThanStated) {
  const PackedBody packed = PackBody(BodyOf("hola"));
  EXPECT_THAT(Unpack(packed.bytes, packed.inflated_bytes + 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CodecTest, RefusesAFrameThatStatesNoSize) {
  const std::string content = BodyOf(RandomBytes(5000)).SerializeAsString();
  EXPECT_THAT(Unpack(CompressWith(content, 20, false), content.size()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no content size")));
}

TEST(CodecTest, RefusesALargeWindow) {
  const std::string content = BodyOf(RandomBytes(3 << 20)).SerializeAsString();
  EXPECT_THAT(Unpack(CompressWith(content, 22, true), content.size()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("window")));
}

TEST(CodecTest, RefusesEveryTruncation) {
  const PackedBody packed = PackBody(BodyOf(RandomBytes(300)));
  for (size_t size = 0; size < packed.bytes.size(); ++size) {
    EXPECT_THAT(Unpack(packed.bytes.substr(0, size), packed.inflated_bytes),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(CodecTest, RefusesASecondFrameBehindTheFirst) {
  const PackedBody packed = PackBody(BodyOf("hola"));
  EXPECT_THAT(Unpack(packed.bytes + packed.bytes, packed.inflated_bytes),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CodecTest, RefusesSmallElementsThatGrowInMemory) {
  std::string content;
  for (size_t i = 0; i <= kMaxBodyElements; ++i) content += std::string("\x0a\x00", 2);
  // Random bytes in front keep the ratio small.
  const std::string whole = BodyOf(RandomBytes(200'000)).SerializeAsString() + content;
  EXPECT_THAT(Unpack(CompressWith(whole, 20, true), whole.size()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too many elements")));
}

TEST(CodecTest, RefusesWhatIsNoMessage) {
  const std::string content = "\xff\xff\xff\xff";
  EXPECT_THAT(Unpack(CompressWith(content, 20, true), content.size()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("malformed")));
}

TEST(CodecTest, SurvivesEveryFlippedByte) {
  const PackedBody packed = PackBody(BodyOf(RandomBytes(200) + std::string(200, 'x')));
  for (size_t i = 0; i < packed.bytes.size(); ++i) {
    std::string damaged = packed.bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    // zstd frames carry no checksum here (TLS has one): a flip may pass as other content, or fail.
    Unpack(damaged, packed.inflated_bytes).IgnoreError();
  }
}

}  // namespace
}  // namespace brigada
