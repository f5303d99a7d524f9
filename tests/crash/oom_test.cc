// Goal: a process that runs out of memory anywhere in the work of a device or a server leaves whole
// steps behind, all that it acknowledged among them. Method: this program starts itself as a child
// that lives a store's life on real files, and in which the n-th allocation fails; whatever becomes
// of the child (an exception, an abort), its store is then opened here and compared.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "replica/base/log.h"
#include "tests/crash/authority_life.h"
#include "tests/crash/device_life.h"
#include "tests/crash/failing_allocation.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

constexpr char kChildFlag[] = "--live-until-allocation-fails";
constexpr uint64_t kNever = UINT64_MAX;

std::unique_ptr<StoreLife> NewLifeOf(absl::string_view kind, FaultEnv* env) {
  return kind == "device" ? NewDeviceLife(env, SyncMode::kHonest)
                          : NewAuthorityLife(env, SyncMode::kHonest);
}

// Where the child says how far it has come, and at its end how much it allocated.
std::string NotesIn(const std::string& directory) { return directory + "/notes"; }

void Note(int fd, const std::string& line) {
  CHECK(write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

int LiveAsChild(const std::string& kind, uint64_t failing, const std::string& directory) {
  SetLogSink([](absl::string_view) {});
  const int notes =
      open(NotesIn(directory).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(notes >= 0);
  LiveOnRealFiles(directory);
  FaultEnv unused;
  const std::unique_ptr<StoreLife> life = NewLifeOf(kind, &unused);
  FailAllocation(failing);
  for (size_t step = 0; step < life->step_count(); ++step) {
    if (!life->Step(step).ok()) return 1;
    if (life->is_durable(step)) Note(notes, absl::StrCat(step + 1, "\n"));
  }
  life->Close();
  Note(notes, absl::StrCat("allocations ", CountAllocations(), "\n"));
  return 0;
}

struct ChildsEnd {
  size_t promised = 0;       // steps
  uint64_t allocations = 0;  // 0: it did not come to its end
};

ChildsEnd RunChild(const std::string& kind, uint64_t failing, const std::string& directory) {
  std::string arguments[] = {"/proc/self/exe", kChildFlag, kind, absl::StrCat(failing), directory};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // Why it died is nobody's concern here, and there are many.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  CHECK(posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  ChildsEnd end;
  std::ifstream notes(NotesIn(directory));
  for (std::string word; notes >> word;) {
    if (word == "allocations") {
      notes >> end.allocations;
    } else {
      CHECK(absl::SimpleAtoi(word, &end.promised));
    }
  }
  return end;
}

class OutOfMemoryTest : public ::testing::Test {
 protected:
  // What a store holds after 0, 1, 2... steps.
  static std::vector<StoreContent> LiveWhole(const std::string& kind) {
    FaultEnv env;
    const std::unique_ptr<StoreLife> life = NewLifeOf(kind, &env);
    std::vector<StoreContent> contents(1);
    for (size_t step = 0; step < life->step_count(); ++step) {
      CHECK(life->Step(step).ok());
      contents.push_back(ReadContent(*life->kv()).value());
    }
    life->Close();
    return contents;
  }
  static void Sweep(const std::string& kind);
  static uint64_t Cases() { return std::getenv("BRIGADA_LONG") == nullptr ? 16 : 2000; }
};

void OutOfMemoryTest::Sweep(const std::string& kind) {
  const std::vector<StoreContent> whole = LiveWhole(kind);
  const ScratchDirectory scratch;
  const auto directory_of = [&](uint64_t n) {
    std::string directory = scratch / absl::StrCat(n);
    CHECK(mkdir(directory.c_str(), 0700) == 0);
    return directory;
  };
  const ChildsEnd unharmed = RunChild(kind, kNever, directory_of(0));
  ASSERT_GT(unharmed.allocations, 1000u);
  uint64_t died = 0;
  for (uint64_t i = 0; i < Cases(); ++i) {
    const uint64_t n = 1 + i * unharmed.allocations / Cases();
    const std::string directory = directory_of(n);
    const ChildsEnd end = RunChild(kind, n, directory);
    died += end.allocations == 0 ? 1 : 0;
    LiveOnRealFiles(directory);
    {
      FaultEnv unused;
      ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Kv> kv,
                           OpenDisk(unused, SyncMode::kHonest,
                                    kind == "device" ? StoreKind::kDevice : StoreKind::kAuthority));
      ASSERT_OK_AND_ASSIGN(const StoreContent content, ReadContent(*kv));
      size_t steps = whole.size();
      while (steps > end.promised && whole[steps - 1] != content) --steps;
      EXPECT_GT(steps, end.promised) << "allocation " << n << " of " << unharmed.allocations
                                     << ", promised " << end.promised << " steps";
    }
    LiveOnRealFiles("");
  }
  EXPECT_GT(died, Cases() / 2);
  std::cout << kind << ": " << Cases() << " of " << unharmed.allocations << " allocations, " << died
            << " children died\n";
}

TEST_F(OutOfMemoryTest, ADeviceThatRunsOutOfItHoldsWholeSteps) { Sweep("device"); }

TEST_F(OutOfMemoryTest, AServerThatRunsOutOfItHoldsWholeSteps) { Sweep("server"); }

}  // namespace
}  // namespace brigada

int main(int argc, char** argv) {
  uint64_t failing = 0;
  if (argc == 5 && std::string(argv[1]) == brigada::kChildFlag &&
      absl::SimpleAtoi(argv[3], &failing)) {
    try {
      // Without the way out through static objects, which may be what ran out of memory.
      _exit(brigada::LiveAsChild(argv[2], failing, argv[4]));
    } catch (const std::bad_alloc&) {
      _exit(2);
    }
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
