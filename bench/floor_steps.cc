#include "bench/floor_steps.h"

#include <memory>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/floor.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {

absl::Status FloorServeStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const Codec codec, ParseCodec(options.codec));
  ASSIGN_OR_RETURN(const std::unique_ptr<FloorStore> store, FloorStore::Open(options.path));
  return ServeFloor(*store, codec, options.organization, options.port);
}

absl::Status FloorTransferStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const Codec codec, ParseCodec(options.codec));
  const bool pulls = options.direction == "pull";
  std::unique_ptr<FloorStore> store;
  std::vector<FloorRecord> records;
  if (pulls) {
    ASSIGN_OR_RETURN(store, FloorStore::Open(options.path));
  } else {
    records = SampleRecords(options.count, options.seed);
  }
  AwaitSign();
  const double start = NowSeconds();
  const std::unique_ptr<FloorClient> client =
      FloorClient::Connect(options.port, options.organization, codec);
  ASSIGN_OR_RETURN(const FloorTraffic traffic,
                   pulls ? client->Pull(*store) : client->Push(records));
  const double end = NowSeconds();
  PrintNumber("seconds", end - start);
  PrintNumber("end_s", end);
  PrintNumber("records", static_cast<double>(traffic.records));
  PrintNumber("sent_bytes", static_cast<double>(traffic.sent_bytes));
  PrintNumber("received_bytes", static_cast<double>(traffic.received_bytes));
  PrintUse();
  return absl::OkStatus();
}

absl::Status FloorLatencyStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const Codec codec, ParseCodec(options.codec));
  ASSIGN_OR_RETURN(const std::unique_ptr<FloorStore> store, FloorStore::Open(options.path));
  const std::vector<FloorRecord> records = SampleRecords(options.count, options.seed);
  const std::unique_ptr<FloorClient> client =
      FloorClient::Connect(options.port, options.organization, codec);
  RETURN_IF_ERROR(client->Ping());
  AwaitSign();
  std::vector<double> seconds;
  for (const FloorRecord& record : records) {
    const double start = NowSeconds();
    RETURN_IF_ERROR(store->Put(record, /*durable=*/true));
    RETURN_IF_ERROR(client->Ping());
    RETURN_IF_ERROR(store->Put(record, /*durable=*/true));
    seconds.push_back(NowSeconds() - start);
  }
  PrintNumber("median_ms", Median(seconds) * 1000);
  PrintNumber("p99_ms", Percentile99(seconds) * 1000);
  return absl::OkStatus();
}

absl::Status FloorPutStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<FloorStore> store, FloorStore::Open(options.path));
  const std::vector<FloorRecord> records = SampleRecords(options.count, options.seed);
  AwaitSign();
  std::vector<double> seconds;
  for (const FloorRecord& record : records) {
    const double start = NowSeconds();
    RETURN_IF_ERROR(store->Put(record, options.durable));
    seconds.push_back(NowSeconds() - start);
  }
  PrintNumber("median_us", Median(seconds) * 1e6);
  PrintNumber("p99_us", Percentile99(seconds) * 1e6);
  return absl::OkStatus();
}

absl::Status FloorGetStep(const StepOptions& options) {
  const std::vector<FloorRecord> records = SampleRecords(options.count, options.seed);
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<FloorStore> store, FloorStore::Open(options.path));
    for (const FloorRecord& record : records)
      RETURN_IF_ERROR(store->Put(record, /*durable=*/false));
  }
  // Opened again, so that reads come from files as the product's do.
  ASSIGN_OR_RETURN(const std::unique_ptr<FloorStore> store, FloorStore::Open(options.path));
  SeededRandom random(options.seed);
  AwaitSign();
  const double start = NowSeconds();
  for (size_t i = 0; i < records.size(); ++i) {
    const FloorRecord& wanted = records[random.Uniform(records.size())];
    RETURN_IF_ERROR(store->Get(wanted.key).status());
  }
  PrintNumber("get_us", (NowSeconds() - start) / static_cast<double>(records.size()) * 1e6);
  return absl::OkStatus();
}

}  // namespace brigada::bench
