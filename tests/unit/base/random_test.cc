#include "replica/base/random.h"

#include <set>

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(RandomTest, SameSeedSameDraws) {
  SeededRandom a(7);
  SeededRandom b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.NextUint64(), b.NextUint64());
}

TEST(RandomTest, UniformReachesEveryValueBelowTheBound) {
  SeededRandom random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(random.Uniform(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
}

TEST(RandomTest, SystemDrawsDiffer) {
  EXPECT_NE(SystemRandom().NextUint64(), SystemRandom().NextUint64());
}

}  // namespace
}  // namespace brigada
