#include "tools/brigada/progress_bar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/brigada/display_width.h"

namespace brigada {
namespace {

constexpr absl::Duration kRedrawEvery = absl::Milliseconds(100);
constexpr uint64_t kBarCells = 24;

}  // namespace

ProgressBar::ProgressBar(std::ostream* out, ProgressStyle style, std::string label,
                         const Clock& clock)
    : out_(out), style_(style), label_(std::move(label)), clock_(clock) {}

ProgressBar::~ProgressBar() {
  if (line_stands_) *out_ << std::endl;
}

void ProgressBar::Update(uint64_t done, uint64_t total, absl::string_view note) {
  if (style_ != ProgressStyle::kBar || finished_) return;
  const absl::Duration now = clock_.Monotonic();
  if (now - last_drawn_ < kRedrawEvery) return;
  last_drawn_ = now;
  Draw(done, total, note);
}

void ProgressBar::Draw(uint64_t done, uint64_t total, absl::string_view note) {
  // Without wrapping: on a narrow screen the line is cut, or each drawing would add lines.
  std::string line = absl::StrCat("\r\x1b[?7l\x1b[K", label_, " ");
  if (total > 0) {
    const uint64_t full = std::min(done, total) * kBarCells / total;
    for (uint64_t i = 0; i < kBarCells; ++i) line += i < full ? "█" : "░";
    absl::StrAppendFormat(&line, " %3d %% ", std::min(done, total) * 100 / total);
  } else if (done > 0) {
    absl::StrAppend(&line, WithThousands(done), " ");
  }
  *out_ << line << note << "\x1b[?7h" << std::flush;
  line_stands_ = true;
}

void ProgressBar::Finish(absl::string_view note) {
  if (style_ == ProgressStyle::kQuiet || finished_) return;
  finished_ = true;
  if (style_ == ProgressStyle::kBar) *out_ << "\r\x1b[K";
  line_stands_ = false;
  *out_ << label_ << ": " << note << std::endl;
}

}  // namespace brigada
