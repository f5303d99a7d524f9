#include "tests/crash/sweep.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

constexpr uint64_t kSettingsStride = 2003;

uint64_t StrideOf(uint64_t stride) { return std::getenv("BRIGADA_LONG") == nullptr ? stride : 1; }

// What a store held at one time, and how many steps had been taken whole by then.
struct Moment {
  size_t steps = 0;
  StoreContent content;
};

// A life without faults.
struct WholeLife {
  std::vector<Moment> moments;       // after each write, as far as the life tells, and each step
  std::vector<size_t> ends;          // which of them is the end of the first 0, 1, 2... steps
  std::vector<uint64_t> operations;  // of the disk, so far, likewise; at the end those of closing

  const StoreContent& ContentAfter(size_t steps) const { return moments[ends[steps]].content; }
};

WholeLife LiveWhole(const NewLife& new_life) {
  FaultEnv env;
  const std::unique_ptr<StoreLife> life = new_life(&env, SyncMode::kHonest);
  WholeLife whole;
  size_t taken = 0;
  const auto end_step = [&](StoreContent content) {
    whole.ends.push_back(whole.moments.size());
    whole.moments.push_back({taken, std::move(content)});
    whole.operations.push_back(env.disk().mutating_ops());
  };
  end_step(life->initial_content());
  life->SetOnWrite([&](const KvReader& reader) {
    whole.moments.push_back({taken, ReadContent(reader).value()});
  });
  while (taken < life->step_count()) {
    const absl::Status status = life->Step(taken);
    if (!status.ok()) std::cerr << "step " << taken << ": " << status << "\n";
    CHECK(status.ok());
    ++taken;
    end_step(ReadContent(*life->kv()).value());
  }
  life->SetOnWrite({});
  life->Close();
  whole.operations.push_back(env.disk().mutating_ops());
  return whole;
}

// The operations to cut: every `short_stride`-th of the short steps, and every `stride`-th of those
// that open or copy a store, which are most.
std::vector<uint64_t> CutsOf(const std::vector<uint64_t>& operations, uint64_t stride,
                             uint64_t short_stride) {
  constexpr uint64_t kLongStep = 12;
  std::vector<uint64_t> cuts;
  for (size_t i = 1; i < operations.size(); ++i) {
    const bool is_long = operations[i] - operations[i - 1] > kLongStep;
    const uint64_t step = StrideOf(is_long ? stride : short_stride);
    // Not always the same operations of a step.
    const uint64_t first = operations[i - 1] + 1 + (is_long ? 0 : i % step);
    for (uint64_t k = first; k <= operations[i]; k += step) cuts.push_back(k);
  }
  return cuts;
}

// Tables and keys in which `found` is not `expected`, for a person to look at.
std::string Differences(const StoreContent& expected, const StoreContent& found) {
  std::string differences;
  for (size_t i = 0; i < expected.size(); ++i) {
    std::map<std::string, std::string> all = expected[i];
    all.insert(found[i].begin(), found[i].end());
    for (const auto& [key, value] : all) {
      const auto was = expected[i].find(key);
      const auto is = found[i].find(key);
      if (was != expected[i].end() && is != found[i].end() && was->second == is->second) continue;
      absl::StrAppend(&differences,
                      is == found[i].end()       ? "-"
                      : was == expected[i].end() ? "+"
                                                 : "~",
                      TableName(static_cast<Table>(i)), " ", absl::CHexEscape(key), " ");
    }
  }
  return differences;
}

class CutSweep {
 public:
  CutSweep(const NewLife& new_life, SyncMode mode)
      : new_life_(new_life), mode_(mode), whole_(LiveWhole(new_life)) {}

  std::vector<uint64_t> cuts(uint64_t stride, uint64_t short_stride) const {
    return CutsOf(whole_.operations, stride, short_stride);
  }

  // Empty, or what is wrong after a cut in operation `k`.
  std::string Cut(uint64_t k, bool torn) const {
    FaultEnv env;
    const std::unique_ptr<StoreLife> life = new_life_(&env, mode_);
    const Reached reached = LiveUntil(k, torn, &env, life.get());
    return CheckAfter(env, *life, reached.promised, reached.attempted);
  }

  // The same without a database.
  std::string CutWithoutDatabase(uint64_t k, bool torn, const Recover& recover) const {
    FaultEnv env;
    const std::unique_ptr<StoreLife> life = new_life_(&env, mode_);
    const Reached reached = LiveUntil(k, torn, &env, life.get());
    // Nothing was promised of a store that was never finished.
    if (reached.promised == 0) return "";
    env.disk().Remove("/store/CURRENT");
    const FaultDisk::Image image = env.disk().Save();
    std::string wrong;
    for (size_t steps = reached.attempted; steps >= reached.promised; --steps) {
      env.disk().Restore(image);
      wrong = recover(env, whole_.ContentAfter(steps));
      if (wrong.empty()) return "";
    }
    return absl::StrCat("promised ", reached.promised, " steps: ", wrong);
  }

 private:
  struct Reached {
    size_t promised = 0;
    size_t attempted = 0;
  };
  static Reached LiveUntil(uint64_t k, bool torn, FaultEnv* env, StoreLife* life) {
    env->disk().CrashAt(k);
    Reached reached;
    while (reached.attempted < life->step_count()) {
      const bool done = life->Step(reached.attempted++).ok();
      if (!done) break;
      if (life->is_durable(reached.attempted - 1)) reached.promised = reached.attempted;
    }
    life->Close();
    env->disk().PowerLoss(/*seed=*/k, torn);
    return reached;
  }

  std::string CheckAfter(FaultEnv& env, StoreLife& life, size_t promised, size_t attempted) const {
    size_t steps = 0;
    {
      auto kv = OpenDisk(env, SyncMode::kHonest, life.kind());
      if (!kv.ok()) return absl::StrCat("does not open: ", kv.status().ToString());
      const auto content = ReadContent(**kv);
      if (!content.ok()) return absl::StrCat("does not read: ", content.status().ToString());
      const std::optional<size_t> moment = MomentOf(*content, promised, attempted);
      if (!moment.has_value()) {
        return absl::StrCat(
            "promised ", promised, " steps, attempted ", attempted,
            ", holds no such content: ", Differences(whole_.ContentAfter(promised), *content));
      }
      steps = whole_.moments[*moment].steps;
    }
    // Opening is a step of its own and may be taken any number of times.
    absl::Status status = life.Step(0);
    if (!status.ok()) return absl::StrCat("does not open: ", status.ToString());
    status = life.CheckPromises(steps);
    if (!status.ok()) return absl::StrCat("breaks its word: ", status.ToString());
    for (size_t step = std::max<size_t>(steps, 1); step < life.step_count(); ++step) {
      status = life.Step(step);
      if (!status.ok()) return absl::StrCat("stops at step ", step, ": ", status.ToString());
    }
    status = life.CheckEnd();
    if (!status.ok()) return absl::StrCat("ends wrong: ", status.ToString());
    life.Close();
    return "";
  }

  // From the latest on: a step that only reads leaves the content of the one before.
  std::optional<size_t> MomentOf(const StoreContent& content, size_t promised,
                                 size_t attempted) const {
    for (size_t i = whole_.ends[attempted] + 1; i > whole_.ends[promised]; --i)
      if (whole_.moments[i - 1].content == content) return i - 1;
    return std::nullopt;
  }

  const NewLife& new_life_;
  const SyncMode mode_;
  const WholeLife whole_;
};

// "intact", "detected" or what is wrong.
std::string OutcomeOf(FaultEnv& env, StoreKind kind, const StoreContent& whole) {
  const auto kv = OpenDisk(env, SyncMode::kHonest, kind);
  if (!kv.ok()) {
    return kv.status().code() == absl::StatusCode::kUnavailable ? kv.status().ToString()
                                                                : "detected";
  }
  const auto content = ReadContent(**kv);
  if (!content.ok()) {
    return content.status().code() == absl::StatusCode::kDataLoss ? "detected"
                                                                  : content.status().ToString();
  }
  return *content == whole ? "intact" : "silent loss";
}

SweepResult CutEach(const std::vector<uint64_t>& cuts,
                    const std::function<std::string(uint64_t k, bool torn)>& cut) {
  SweepResult result;
  for (const uint64_t k : cuts) {
    for (const bool torn : {false, true}) {
      ++result.cases;
      const std::string wrong = cut(k, torn);
      if (wrong.empty()) continue;
      result.wrong = absl::StrCat(torn ? "torn" : "clean", " cut at ", k, ": ", wrong);
      return result;
    }
  }
  return result;
}

}  // namespace

void Report(const char* name, const SweepResult& result) {
  std::cout << name << ": " << result.cases << " cases";
  if (result.intact + result.detected > 0)
    std::cout << ", " << result.intact << " intact, " << result.detected << " detected";
  std::cout << "\n";
}

SweepResult SweepPowerCuts(const NewLife& new_life, SyncMode mode, uint64_t stride,
                           uint64_t short_stride) {
  const CutSweep sweep(new_life, mode);
  return CutEach(sweep.cuts(stride, short_stride),
                 [&](uint64_t k, bool torn) { return sweep.Cut(k, torn); });
}

SweepResult SweepCutsWithoutDatabase(const NewLife& new_life, uint64_t stride,
                                     const Recover& recover) {
  const CutSweep sweep(new_life, SyncMode::kHonest);
  return CutEach(sweep.cuts(stride, 1),
                 [&](uint64_t k, bool torn) { return sweep.CutWithoutDatabase(k, torn, recover); });
}

SweepResult SweepFlips(const NewLife& new_life, uint64_t stride, const Recover& recover) {
  SweepResult result;
  FaultEnv env;
  StoreContent whole;
  StoreKind kind;
  {
    const std::unique_ptr<StoreLife> life = new_life(&env, SyncMode::kHonest);
    kind = life->kind();
    for (size_t step = 0; step < life->step_count(); ++step) CHECK(life->Step(step).ok());
    whole = ReadContent(*life->kv()).value();
    life->Close();
  }
  const FaultDisk::Image image = env.disk().Save();
  for (const auto& [path, content] : image) {
    if (!content.has_value() || !absl::StartsWith(path, "/store/")) continue;
    // The settings that RocksDB writes beside the store are most of its bytes and the least of it.
    const bool is_settings = absl::StrContains(path, "/OPTIONS");
    const uint64_t step = StrideOf(is_settings ? kSettingsStride : stride);
    for (uint64_t byte = 0; byte < content->size(); byte += step) {
      env.disk().Restore(image);
      env.disk().FlipBit(path, byte, static_cast<int>(byte % 8));
      std::string outcome = OutcomeOf(env, kind, whole);
      ++result.cases;
      result.intact += outcome == "intact" ? 1 : 0;
      result.detected += outcome == "detected" ? 1 : 0;
      if (outcome == "detected" && recover) outcome = recover(env, whole);
      if (outcome.empty() || outcome == "intact" || outcome == "detected") continue;
      result.wrong = absl::StrCat(path, " byte ", byte, ": ", outcome);
      return result;
    }
  }
  return result;
}

}  // namespace brigada
