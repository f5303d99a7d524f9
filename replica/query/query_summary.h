#ifndef REPLICA_QUERY_QUERY_SUMMARY_H_
#define REPLICA_QUERY_QUERY_SUMMARY_H_

#include <cstdint>

namespace brigada {

// How a query ended that came to its end.
struct QuerySummary {
  uint64_t rows = 0;
  bool truncated = false;  // the row limit cut it: there are more
};

}  // namespace brigada

#endif  // REPLICA_QUERY_QUERY_SUMMARY_H_
