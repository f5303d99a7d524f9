#include "tests/unit/merge/random_change.h"

#include <string>

#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

constexpr uint32_t kTitle = 1;
constexpr uint32_t kPeak = 3;
constexpr uint32_t kLow = 4;
constexpr uint32_t kTags = 6;

std::string Letter(Random& random, uint64_t count) {
  return std::string(1, static_cast<char>('a' + random.Uniform(count)));
}

void FillOrdered(Random& random, testing::Sample& sample) {
  switch (random.Uniform(4)) {
    case 0:
      sample.set_code("AA" + std::to_string(random.Uniform(3)));
      break;
    case 1:
      sample.set_folio(Letter(random, 3));
      break;
    case 2:
      sample.set_tally(static_cast<int64_t>(random.Uniform(9)) - 4);
      break;
    default:
      sample.set_state(static_cast<testing::SampleState>(random.Uniform(4)));
      break;
  }
}

void FillUnordered(Random& random, testing::Sample& sample) {
  switch (random.Uniform(7)) {
    case 0:
      sample.set_title(Letter(random, 4));
      break;
    case 1:
      sample.set_peak(static_cast<int64_t>(random.Uniform(7)) - 3);
      break;
    case 2:
      sample.set_low(static_cast<int64_t>(random.Uniform(7)) - 3);
      break;
    case 3:
      (*sample.mutable_notes())[Letter(random, 2)] = Letter(random, 3);
      break;
    case 4:
      sample.add_tags(Letter(random, 3));
      break;
    case 5:
      sample.mutable_body()->set_head(Letter(random, 3));
      break;
    default:
      // A field of a later program.
      sample.GetReflection()->MutableUnknownFields(&sample)->AddVarint(900, random.Uniform(3));
      break;
  }
}

v1::Change RandomRemoval(Random& random) {
  if (random.Uniform(2) == 0) return Remove(Tag(Letter(random, 3)));
  return Remove(Note(Letter(random, 2), ""));
}

v1::Change RandomClear(Random& random) {
  constexpr uint32_t kFields[] = {kTitle, kPeak, kLow, kTags};
  return Clear(kFields[random.Uniform(4)]);
}

}  // namespace

v1::Change RandomChange(Random& random, const Repertoire& repertoire) {
  const auto fill = [&](testing::Sample& sample) {
    for (uint64_t n = 1 + random.Uniform(2); n > 0; --n) FillUnordered(random, sample);
    if (repertoire.ordered_fields && random.Uniform(2) == 0) FillOrdered(random, sample);
  };
  const uint64_t dice = random.Uniform(20);
  if (repertoire.lives && dice < 2) return Delete();
  if (repertoire.lives && dice < 5) {
    const std::string scope = random.Uniform(2) == 0 ? "MX/20/067" : "MX/20/068";
    return Create(fill, scope);
  }
  if (dice < 7) return RandomClear(random);
  if (dice < 10) return RandomRemoval(random);
  if (dice < 12) return Move("MX/20/06" + std::to_string(random.Uniform(4)));
  return Edit(fill);
}

}  // namespace brigada
