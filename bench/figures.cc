#include "bench/figures.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace brigada::bench {
namespace {

std::string Number(double value) {
  if (value >= 1000) return absl::StrFormat("%.0f", value);
  if (value >= 10) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.3f", value);
}

std::string Spread(const std::vector<double>& values) {
  if (values.size() < 2) return "";
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  return absl::StrCat(Number(*least), "..", Number(*greatest));
}

void SetSeries(google::protobuf::Struct& object, const std::string& name,
               const std::vector<double>& values) {
  if (values.empty()) return;
  google::protobuf::Struct& series = *(*object.mutable_fields())[name].mutable_struct_value();
  (*series.mutable_fields())["median"].set_number_value(Median(values));
  google::protobuf::ListValue& runs = *(*series.mutable_fields())["runs"].mutable_list_value();
  for (const double value : values) runs.add_values()->set_number_value(value);
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Percentile99(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[(values.size() * 99 + 99) / 100 - 1];
}

Figures::Figure& Figures::FigureOf(absl::string_view name, absl::string_view unit) {
  const auto found = std::find_if(figures_.begin(), figures_.end(), [&](const Figure& figure) {
    return figure.name == name && figure.unit == unit;
  });
  if (found != figures_.end()) return *found;
  figures_.push_back({std::string(name), std::string(unit), {}, {}});
  return figures_.back();
}

void Figures::Add(absl::string_view name, absl::string_view unit, double value) {
  FigureOf(name, unit).values.push_back(value);
}

void Figures::AddFloor(absl::string_view name, absl::string_view unit, double value) {
  FigureOf(name, unit).floor.push_back(value);
}

void Figures::AddCondition(absl::string_view name, absl::string_view value) {
  conditions_.emplace_back(name, value);
}

void Figures::Print() const {
  for (const auto& [name, value] : conditions_) absl::PrintF("%s: %s\n", name, value);
  absl::PrintF("\n%-44s %-14s %12s %22s %12s %8s\n", "figure", "unit", "median", "range", "floor",
               "ratio");
  for (const Figure& figure : figures_) {
    const double value = Median(figure.values);
    const double floor = Median(figure.floor);
    absl::PrintF("%-44s %-14s %12s %22s %12s %8s\n", figure.name, figure.unit,
                 figure.values.empty() ? "" : Number(value), Spread(figure.values),
                 figure.floor.empty() ? "" : Number(floor),
                 figure.values.empty() || floor == 0 ? "" : Number(value / floor));
  }
}

absl::Status Figures::WriteJson(const std::string& path) const {
  google::protobuf::Struct root;
  google::protobuf::Struct& conditions =
      *(*root.mutable_fields())["conditions"].mutable_struct_value();
  for (const auto& [name, value] : conditions_)
    (*conditions.mutable_fields())[name].set_string_value(value);
  google::protobuf::ListValue& list = *(*root.mutable_fields())["figures"].mutable_list_value();
  for (const Figure& figure : figures_) {
    google::protobuf::Struct& object = *list.add_values()->mutable_struct_value();
    (*object.mutable_fields())["name"].set_string_value(figure.name);
    (*object.mutable_fields())["unit"].set_string_value(figure.unit);
    SetSeries(object, "measured", figure.values);
    SetSeries(object, "floor", figure.floor);
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string json;
  const bool rendered = google::protobuf::util::MessageToJsonString(root, &json, options).ok();
  std::ofstream file(path);
  if (!rendered || !(file << json) || !file.flush())
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

}  // namespace brigada::bench
