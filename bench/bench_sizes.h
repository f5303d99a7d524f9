// How much a run does.
#ifndef BENCH_BENCH_SIZES_H_
#define BENCH_BENCH_SIZES_H_

namespace brigada::bench {

struct BenchSizes {
  int people = 100'000;         // on the server when a device bootstraps
  int people_per_commit = 500;  // to a change set when they are loaded
  int push = 10'000;            // made offline, a change set each
  int devices = 50;             // that push at once,
  int each = 200;               // so many change sets each
  int latency = 200;
  int local_durable = 500;  // creates with fsync
  int local = 5'000;        // creates without, reads, queries
};

}  // namespace brigada::bench

#endif  // BENCH_BENCH_SIZES_H_
