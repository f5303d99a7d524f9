// Administration.Query: SQL under the caller's feeds, rows streamed in blocks.
#ifndef SERVER_QUERY_CALL_H_
#define SERVER_QUERY_CALL_H_

#include "brigada/v1/administration_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "replica/base/clock.h"
#include "replica/query/query.h"
#include "server/executor.h"
#include "server/organization.h"
#include "server/session_notes.h"

namespace brigada {

struct QueryContext {
  Organization* organization;
  // Flushed before a query: the table of devices tells their last sync.
  SessionNotes* notes;
  Executor* workers;
  const Clock* clock;
  QueryLimits limits;
};

grpc::ServerWriteReactor<v1::QueryReply>* StartQuery(grpc::CallbackServerContext* call,
                                                     const v1::QueryRequest& request,
                                                     const QueryContext& context);

}  // namespace brigada

#endif  // SERVER_QUERY_CALL_H_
