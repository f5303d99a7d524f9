// What was measured: named series beside the floor's, printed as a table and written as JSON.
#ifndef BENCH_FIGURES_H_
#define BENCH_FIGURES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace brigada::bench {

// The middle of `values` (the mean of the two middles); 0 for none.
double Median(std::vector<double> values);
// The smallest value that 99 of 100 do not exceed; 0 for none.
double Percentile99(std::vector<double> values);

// One thread.
class Figures {
 public:
  // Adds one run's value; a figure stands where its name came first. The floor of a figure is added
  // under the same name and unit.
  void Add(absl::string_view name, absl::string_view unit, double value);
  void AddFloor(absl::string_view name, absl::string_view unit, double value);
  // What the run was made with, for the JSON's head.
  void AddCondition(absl::string_view name, absl::string_view value);

  // Medians, with the least and greatest value when there was more than one run.
  void Print() const;
  // kUnavailable: the file cannot be written.
  absl::Status WriteJson(const std::string& path) const;

 private:
  struct Figure {
    std::string name;
    std::string unit;
    std::vector<double> values;
    std::vector<double> floor;
  };
  Figure& FigureOf(absl::string_view name, absl::string_view unit);

  std::vector<Figure> figures_;
  std::vector<std::pair<std::string, std::string>> conditions_;
};

}  // namespace brigada::bench

#endif  // BENCH_FIGURES_H_
