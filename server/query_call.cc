#include "server/query_call.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "replica/base/log.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "server/directory.h"
#include "server/roles.h"
#include "server/write_call.h"

namespace brigada {
namespace {

// A block of rows is sent when it has this many bytes, roughly.
constexpr size_t kBlockBytes = size_t{64} << 10;

SqlValue FromProto(const v1::SqlValue& value) {
  switch (value.value_case()) {
    case v1::SqlValue::kInteger:
      return value.integer();
    case v1::SqlValue::kReal:
      return value.real();
    case v1::SqlValue::kText:
      return value.text();
    case v1::SqlValue::kBlob:
      return SqlBlob{value.blob()};
    case v1::SqlValue::VALUE_NOT_SET:
      return std::monostate();
  }
  return std::monostate();
}

struct ToProto {
  v1::SqlValue* out;
  void operator()(std::monostate) const {}
  void operator()(int64_t value) const { out->set_integer(value); }
  void operator()(double value) const { out->set_real(value); }
  void operator()(std::string& value) const { out->set_text(std::move(value)); }
  void operator()(SqlBlob& value) const { out->set_blob(std::move(value.bytes)); }
};

SqlValue TimeOrNull(int64_t ms) {
  if (ms == 0) return std::monostate();
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

// The devices the caller administers, as a table.
ExtraTable DevicesTable(const AuthorityStore* store, std::vector<v1::GrantRecord> grants,
                        absl::Time now) {
  ExtraTable table;
  table.name = "devices";
  table.columns = {"replica",     "user",       "name",         "software",       "enrolled_at",
                   "lease_until", "revoked_at", "last_sync_at", "bytes_received", "bytes_sent"};
  table.rows = [store, grants = std::move(grants), now]() -> absl::StatusOr<std::vector<SqlRow>> {
    ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, AllDevices(*store));
    std::vector<SqlRow> rows;
    for (const v1::DeviceRecord& device : devices) {
      ASSIGN_OR_RETURN(const std::vector<std::string> scopes,
                       ScopesOfUser(*store, device.user(), now));
      if (!IsAdministratorOf(grants, scopes, now)) continue;
      ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(device.replica()));
      rows.push_back({replica.ToString(), device.user(), device.name(), device.software(),
                      TimeOrNull(device.enrolled_ms()), TimeOrNull(device.lease_until_ms()),
                      TimeOrNull(device.revoked_ms()), TimeOrNull(device.last_sync_ms()),
                      static_cast<int64_t>(device.bytes_received()),
                      static_cast<int64_t>(device.bytes_sent())});
    }
    return rows;
  };
  return table;
}

// Collects rows and writes them block by block.
class Blocks {
 public:
  explicit Blocks(WriteCall<v1::QueryReply>* call) : call_(call) {}

  absl::Status Columns(absl::Span<const std::string> columns) {
    for (const std::string& column : columns) block_.add_columns(column);
    return absl::OkStatus();
  }
  absl::Status Row(SqlRow row) {
    v1::SqlRow& out = *block_.add_rows();
    for (SqlValue& value : row) std::visit(ToProto{out.add_values()}, value);
    bytes_ += out.ByteSizeLong();
    return bytes_ < kBlockBytes ? absl::OkStatus() : Send();
  }
  absl::Status Last(const QuerySummary& summary, absl::Duration elapsed) {
    block_.mutable_summary()->set_rows(summary.rows);
    block_.mutable_summary()->set_truncated(summary.truncated);
    block_.mutable_summary()->set_elapsed_us(absl::ToInt64Microseconds(elapsed));
    return Send();
  }

 private:
  absl::Status Send() {
    bytes_ = 0;
    return call_->Write(std::exchange(block_, v1::QueryReply()));
  }

  WriteCall<v1::QueryReply>* const call_;
  v1::QueryReply block_;
  size_t bytes_ = 0;
};

absl::Status Execute(const grpc::CallbackServerContext& call, const v1::QueryRequest& request,
                     const QueryContext& context, WriteCall<v1::QueryReply>* out) {
  const AuthorityStore& store = *context.organization->store;
  const absl::Time now = context.clock->Now();
  const absl::Duration start = context.clock->Monotonic();
  ASSIGN_OR_RETURN(const Caller caller, CallerOf(call, store, now));
  QueryOptions options;
  options.limits = context.limits;
  if (request.max_rows() > 0)
    options.limits.rows = std::min<uint64_t>(options.limits.rows, request.max_rows());
  options.access.feeds = FeedsOf(caller.grants, now);
  options.extra_tables.push_back(DevicesTable(&store, caller.grants, now));
  std::vector<SqlValue> parameters;
  for (const v1::SqlValue& parameter : request.parameters())
    parameters.push_back(FromProto(parameter));
  // A store that takes no writes is still read: devices are then as of the last flush.
  context.notes->Flush().IgnoreError();
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadView> view, store.Read());
  Blocks blocks(out);
  const absl::StatusOr<QuerySummary> summary = RunQuery(
      Registry::BuiltIn(), *view, request.sql(), parameters, options,
      [&](absl::Span<const std::string> columns) { return blocks.Columns(columns); },
      [&](SqlRow row) { return blocks.Row(std::move(row)); });
  // The text may hold personal data: the log gets its hash.
  const Sha256Digest digest = Sha256(request.sql());
  Log(LogLevel::kInfo, "query",
      {{"replica", caller.replica.ToString()},
       {"sql_sha256", absl::BytesToHexString(AsView(digest).substr(0, 8))},
       {"rows", summary.ok() ? summary->rows : 0},
       {"code", absl::StatusCodeToString(summary.status().code())}});
  if (!summary.ok()) return summary.status();
  return blocks.Last(*summary, context.clock->Monotonic() - start);
}

}  // namespace

grpc::ServerWriteReactor<v1::QueryReply>* StartQuery(grpc::CallbackServerContext* call,
                                                     const v1::QueryRequest& request,
                                                     const QueryContext& context) {
  return WriteCall<v1::QueryReply>::Start(
      call, context.workers,
      [=](WriteCall<v1::QueryReply>* out) { return Execute(*call, request, context, out); });
}

}  // namespace brigada
