// Administration.Query: SQL under the caller's feeds, rows streamed in blocks.
#ifndef SERVER_QUERY_CALL_H_
#define SERVER_QUERY_CALL_H_

#include "brigada/v1/administration_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "replica/base/clock.h"
#include "replica/query/query.h"
#include "server/executor.h"
#include "server/organization.h"

namespace brigada {

struct QueryContext {
  Organization* organization;
  Executor* workers;
  const Clock* clock;
  QueryLimits limits;
};

grpc::ServerWriteReactor<v1::QueryReply>* StartQuery(grpc::CallbackServerContext* call,
                                                     const v1::QueryRequest& request,
                                                     const QueryContext& context);

}  // namespace brigada

#endif  // SERVER_QUERY_CALL_H_
