#include "replica/crypto/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "replica/base/random.h"

namespace brigada {
namespace {

constexpr char kAbout[] = "header";

class SealTest : public testing::Test {
 protected:
  SealKey NewKey() { return SealKey::DerivedFrom(MacKey::Generate(random_)); }

  SeededRandom random_{7};
};

TEST_F(SealTest, TheHolderOfTheKeyOpensWhatOthersClosed) {
  const SealKey key = NewKey();
  for (const std::string& content :
       {std::string(), std::string("Rosa"), std::string(70'000, 'x')}) {
    const auto box = Seal(key.public_key(), content, kAbout, random_);
    ASSERT_TRUE(box.ok()) << box.status();
    EXPECT_EQ(box->size(), content.size() + kSealOverhead);
    const auto opened = key.Open(*box, kAbout);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*opened, content);
  }
}

TEST_F(SealTest, ABoxShowsNothingOfItsContentAndIsAnotherEachTime) {
  const SealKey key = NewKey();
  const std::string content(64, 'r');
  const auto first = Seal(key.public_key(), content, kAbout, random_);
  const auto second = Seal(key.public_key(), content, kAbout, random_);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->find("rrrr"), std::string::npos);
  EXPECT_NE(first->substr(kSealPublicKeyBytes), second->substr(kSealPublicKeyBytes));
}

TEST_F(SealTest, AnotherKeyDoesNotOpenIt) {
  const auto box = Seal(NewKey().public_key(), "Rosa", kAbout, random_);
  ASSERT_TRUE(box.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(NewKey().Open(*box, kAbout).status()));
}

// Or a box could be put beside another header, and still open.
TEST_F(SealTest, ItOpensOnlyBesideWhatItIsAbout) {
  const SealKey key = NewKey();
  const auto box = Seal(key.public_key(), "Rosa", kAbout, random_);
  const auto alone = Seal(key.public_key(), "Rosa", "", random_);
  ASSERT_TRUE(box.ok() && alone.ok());
  for (const std::string& about : {std::string(), std::string("headeR"), std::string("header.")})
    EXPECT_TRUE(absl::IsInvalidArgument(key.Open(*box, about).status())) << about;
  EXPECT_TRUE(key.Open(*alone, "").ok());
  EXPECT_FALSE(key.Open(*alone, kAbout).ok());
}

TEST_F(SealTest, AChangedOrShortenedBoxIsNotOpened) {
  const SealKey key = NewKey();
  const auto box = Seal(key.public_key(), "Rosa", kAbout, random_);
  ASSERT_TRUE(box.ok());
  for (size_t at = 0; at < box->size(); ++at) {
    std::string changed = *box;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(key.Open(changed, kAbout).ok()) << at;
    EXPECT_FALSE(key.Open(box->substr(0, at), kAbout).ok()) << at;
  }
}

TEST_F(SealTest, WhatIsNoPublicKeyIsRefused) {
  // All zeros: everybody would get the same secret.
  for (const std::string& key : {std::string(), std::string(31, 'k'), std::string(32, '\0')})
    EXPECT_TRUE(absl::IsInvalidArgument(Seal(key, "Rosa", kAbout, random_).status()));
}

// What is sealed today has to be opened by a server that starts in a year.
TEST_F(SealTest, ASecretGivesTheSameKeyEachTime) {
  const MacKey secret = *MacKey::FromBytes(std::string(32, 's'));
  EXPECT_EQ(SealKey::DerivedFrom(secret).public_key(), SealKey::DerivedFrom(secret).public_key());
  EXPECT_NE(SealKey::DerivedFrom(secret).public_key(), NewKey().public_key());
}

}  // namespace
}  // namespace brigada
