#include "replica/store/record_sum.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "replica/base/sha256.h"

namespace brigada {
namespace {

TEST(Sum256Test, AddsAndTakesAwayInAnyOrder) {
  SeededRandom random(3);
  std::vector<Sum256> parts;
  Sum256 sum;
  for (int i = 0; i < 50; ++i) {
    parts.push_back(Sum256::Of(Sha256(absl::StrCat(i))));
    sum.Add(parts.back());
  }
  EXPECT_EQ(Sum256::FromBytes(sum.Bytes()), sum);
  for (const Sum256& part : parts) sum.Subtract(part);
  EXPECT_TRUE(sum.is_zero());
}

}  // namespace
}  // namespace brigada
