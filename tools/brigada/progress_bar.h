// How far a long piece of work has come, on stderr.
//
// On a terminal: one line redrawn at most ten times a second. Elsewhere: the last word only. Quiet:
// nothing.
#ifndef TOOLS_BRIGADA_PROGRESS_BAR_H_
#define TOOLS_BRIGADA_PROGRESS_BAR_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/base/clock.h"

namespace brigada {

enum class ProgressStyle { kBar, kLastWord, kQuiet };

class ProgressBar {
 public:
  // `out` and `clock` outlive the bar.
  ProgressBar(std::ostream* out, ProgressStyle style, std::string label,
              const Clock& clock = SystemClock());
  // Ends the line that stands.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `total` 0: not known. `note` stands behind the figures.
  void Update(uint64_t done, uint64_t total, absl::string_view note);
  // The last word, shown whatever the pace; nothing is drawn after it.
  void Finish(absl::string_view note);

 private:
  void Draw(uint64_t done, uint64_t total, absl::string_view note);

  std::ostream* const out_;
  const ProgressStyle style_;
  const std::string label_;
  const Clock& clock_;
  absl::Duration last_drawn_ = -absl::InfiniteDuration();
  bool line_stands_ = false;
  bool finished_ = false;
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_PROGRESS_BAR_H_
