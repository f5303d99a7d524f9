#include "replica/store/sealed_body.h"

#include <string>

#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "replica/crypto/hash_chain.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

class SealedBodyTest : public testing::Test {
 protected:
  SealedBodyTest() {
    set_.set_header("header");
    set_.set_salt(std::string(16, 's'));
    set_.set_body("Rosa");
  }

  v1::ChangeSet Sealed() {
    v1::ChangeSet sealed = set_;
    EXPECT_OK(SealBody(key_.public_key(), random_, &sealed));
    return sealed;
  }
  static v1::ChangeSet Opened(const SealKey& key, const v1::ChangeSet& set) {
    v1::ChangeSet opened = set;
    const bool is_open = OpenBody(key, &opened);
    EXPECT_EQ(is_open, opened.has_body());
    return opened;
  }

  SeededRandom random_{3};
  const SealKey key_ = SealKey::DerivedFrom(MacKey::Generate(random_));
  v1::ChangeSet set_;
};

TEST_F(SealedBodyTest, TheChainIsTheSameOfClearSealedAndOpenedBodies) {
  const v1::ChangeSet sealed = Sealed();
  EXPECT_TRUE(sealed.salt().empty());
  EXPECT_EQ(sealed.SerializeAsString().find("Rosa"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const Sha256Digest hash, BodyHashOf(sealed));
  EXPECT_EQ(hash, BodyHash(set_.salt(), set_.body()));
  EXPECT_EQ(Opened(key_, sealed).SerializeAsString(), set_.SerializeAsString());
}

TEST_F(SealedBodyTest, WhatIsSealedToAnotherKeyStaysSealed) {
  const v1::ChangeSet sealed = Sealed();
  const SealKey other = SealKey::DerivedFrom(MacKey::Generate(random_));
  EXPECT_EQ(Opened(other, sealed).SerializeAsString(), sealed.SerializeAsString());
}

// Or whoever knows the public key could put other words into an accepted change set.
TEST_F(SealedBodyTest, ABodyThatTheHashDoesNotVouchForIsNotTaken) {
  v1::ChangeSet other = set_;
  other.set_body("Eva");
  ASSERT_OK(SealBody(key_.public_key(), random_, &other));
  v1::ChangeSet forged = Sealed();
  forged.set_sealed_body(forged.sealed_body().substr(0, 32) + other.sealed_body().substr(32));
  EXPECT_TRUE(Opened(key_, forged).has_sealed_body());
}

TEST_F(SealedBodyTest, ABodyIsNotOpenedBesideAnotherHeader) {
  v1::ChangeSet moved = Sealed();
  moved.set_header("another");
  EXPECT_TRUE(Opened(key_, moved).has_sealed_body());
}

TEST_F(SealedBodyTest, DamagedAndShortenedBodiesAreNoCrash) {
  const v1::ChangeSet sealed = Sealed();
  for (size_t size = 0; size < sealed.sealed_body().size(); ++size) {
    v1::ChangeSet cut = sealed;
    cut.set_sealed_body(sealed.sealed_body().substr(0, size));
    EXPECT_TRUE(Opened(key_, cut).has_sealed_body());
    EXPECT_EQ(BodyHashOf(cut).ok(), size >= 32) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(BodyHashOf(v1::ChangeSet()).status()));
}

TEST_F(SealedBodyTest, AWelcomeTellsTheKeyOrNone) {
  v1::Welcome welcome;
  welcome.add_features("receipts");
  EXPECT_FALSE(SealKeyIn(welcome).has_value());
  welcome.add_features("seal=zz");
  welcome.add_features("seal=" + std::string(64, 'z'));
  EXPECT_FALSE(SealKeyIn(welcome).has_value());
  welcome.add_features(SealFeature(key_.public_key()));
  EXPECT_EQ(SealKeyIn(welcome), key_.public_key());
}

}  // namespace
}  // namespace brigada
