// What is sealed opens with its key and beside what it is about, unchanged; nothing else opens.
#include <string>

#include "replica/base/check.h"
#include "replica/crypto/mac.h"
#include "replica/crypto/seal.h"
#include "replica/store/sealed_body.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/scripts.pb.h"

namespace brigada {
namespace {

const SealKey& TheKey() {
  static const SealKey& key = *[] {
    SeededRandom random(17);
    return new SealKey(SealKey::DerivedFrom(MacKey::Generate(random)));
  }();
  return key;
}

void CheckBox(const fuzz::SealedBoxScript& script) {
  SeededRandom random(19);
  const std::string& public_key =
      script.public_key().empty() ? TheKey().public_key() : script.public_key();
  const auto sealed = Seal(public_key, script.content(), script.about(), random);
  if (!sealed.ok()) CHECK(absl::IsInvalidArgument(sealed.status()));
  const bool is_own = sealed.ok() && script.box().empty() && public_key == TheKey().public_key();
  std::string box = sealed.ok() && script.box().empty() ? *sealed : script.box();
  for (const auto& flip : script.flips()) {
    if (box.empty()) break;
    char& byte = box[flip.at() % box.size()];
    byte = static_cast<char>(static_cast<unsigned char>(byte) + flip.value());
  }
  box.resize(box.size() - script.cut() % (box.size() + 1));
  const std::string& about = script.other_about().empty() ? script.about() : script.other_about();
  const auto opened = TheKey().Open(box, about);
  const bool is_same = is_own && box == *sealed && about == script.about();
  CHECK(opened.ok() == is_same);
  if (opened.ok()) CHECK(*opened == script.content());
  if (!opened.ok()) CHECK(absl::IsInvalidArgument(opened.status()));
}

// Of a change set: the same, and the place it has in the chain stays.
void CheckBody(const fuzz::ScriptedChangeSet& script) {
  v1::ChangeSet set = Assemble(script);
  const std::string before = set.SerializeAsString();
  const bool is_opened = OpenBody(TheKey(), &set);
  CHECK(!is_opened && set.SerializeAsString() == before);
  const auto hash = BodyHashOf(set);
  // No program makes another salt.
  if (!set.has_body() || set.salt().size() != 16) return;
  CHECK(hash.ok());
  SeededRandom random(23);
  CHECK(SealBody(TheKey().public_key(), random, &set).ok());
  CHECK(*BodyHashOf(set) == *hash);
  CHECK(OpenBody(TheKey(), &set));
  CHECK(set.SerializeAsString() == before);
}

}  // namespace

void FuzzSealedBox(absl::string_view input) {
  fuzz::SealedBoxScript script;
  if (!ParseScript(input, &script)) return;
  CheckBox(script);
  CheckBody(script.set());
  v1::Welcome welcome;
  for (const std::string& feature : script.features()) welcome.add_features(feature);
  const auto told = SealKeyIn(welcome);
  v1::ChangeSet set = Assemble(script.set());
  SeededRandom random(29);
  if (told.has_value() && set.has_body()) {
    const absl::Status sealed = SealBody(*told, random, &set);
    CHECK(sealed.ok() || absl::IsInvalidArgument(sealed));
  }
}

}  // namespace brigada
