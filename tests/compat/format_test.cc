// Stores of other versions and kinds: opened or refused as docs/on-disk-format.md says, and never
// touched when refused.
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "replica/store/device_store.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

class FormatTest : public ::testing::Test {
 protected:
  void PutFormatText(const std::string& format) {
    KvBatch batch;
    batch.Put(Table::kMeta, std::string(kFormatKey), format);
    ASSERT_OK(disk_->Write(batch, Durability::kSync));
  }
  absl::Status OpenDevice() {
    return OpenDeviceStore(std::make_unique<LentKv>(disk_),
                           {&Registry::BuiltIn(), &clock_, &random_})
        .status();
  }
  absl::Status OpenAuthority() {
    return OpenAuthorityStore(
               std::make_unique<LentKv>(disk_),
               {.registry = &Registry::BuiltIn(), .random = &random_, .now = clock_.Now()})
        .status();
  }
  int Keys() {
    int keys = 0;
    for (int i = 0; i < kTableCount; ++i) {
      const auto it = disk_->Iterate(static_cast<Table>(i), "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next()) ++keys;
    }
    return keys;
  }

  FakeClock clock_;
  SeededRandom random_{5};
  const std::shared_ptr<Kv> disk_ = NewMemoryKv();
};

TEST_F(FormatTest, ANewerFormatIsRefusedWithBothVersionsAndTheWayOut) {
  const std::string newer = std::to_string(kFormatVersion + 1);
  const auto refused =
      StatusIs(absl::StatusCode::kFailedPrecondition,
               ::testing::AllOf(HasSubstr("format " + newer),
                                HasSubstr("up to format " + std::to_string(kFormatVersion)),
                                HasSubstr("install a newer version")));
  PutFormatText("d" + newer);
  EXPECT_THAT(OpenDevice(), refused);
  PutFormatText("a" + newer);
  EXPECT_THAT(OpenAuthority(), refused);
  EXPECT_EQ(Keys(), 1);
}

TEST_F(FormatTest, AStoreOfTheOtherKindIsRefused) {
  ASSERT_OK(OpenDevice());
  EXPECT_THAT(OpenAuthority(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the store of a device")));
}

TEST_F(FormatTest, AFormatThatCannotBeReadIsDataLoss) {
  for (const char* damaged : {"", "d", "x1", "d-1", "dx", "1", "d0", "a0"}) {
    PutFormatText(damaged);
    EXPECT_THAT(OpenDevice(), StatusIs(absl::StatusCode::kDataLoss)) << damaged;
    EXPECT_THAT(OpenAuthority(), StatusIs(absl::StatusCode::kDataLoss)) << damaged;
  }
}

TEST_F(FormatTest, DataWithoutAFormatIsNoFreshStart) {
  KvBatch batch;
  batch.Put(Table::kOutbox, "work", "of weeks");
  ASSERT_OK(disk_->Write(batch, Durability::kSync));
  EXPECT_THAT(OpenDevice(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(OpenAuthority(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace brigada
