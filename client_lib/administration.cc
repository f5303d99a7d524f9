#include "brigada/administration.h"

#include <chrono>
#include <utility>

#include "brigada/v1/administration_service.grpc.pb.h"
#include "client_lib/channel.h"
#include "client_lib/replica_directory.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr std::chrono::seconds kUnaryTimeout(30);
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

v1::SqlValue ToProto(const SqlValue& value) {
  v1::SqlValue out;
  if (const auto* const integer = std::get_if<int64_t>(&value)) out.set_integer(*integer);
  if (const auto* const real = std::get_if<double>(&value)) out.set_real(*real);
  if (const auto* const text = std::get_if<std::string>(&value)) out.set_text(*text);
  if (const auto* const blob = std::get_if<SqlBlob>(&value)) out.set_blob(blob->bytes);
  return out;
}

SqlValue FromProto(v1::SqlValue& value) {
  switch (value.value_case()) {
    case v1::SqlValue::kInteger:
      return value.integer();
    case v1::SqlValue::kReal:
      return value.real();
    case v1::SqlValue::kText:
      return std::move(*value.mutable_text());
    case v1::SqlValue::kBlob:
      return SqlBlob{std::move(*value.mutable_blob())};
    case v1::SqlValue::VALUE_NOT_SET:
      break;
  }
  return std::monostate();
}

class GrpcAdministration final : public Administration {
 public:
  explicit GrpcAdministration(Credentials credentials)
      : credentials_(std::move(credentials)),
        stub_(v1::Administration::NewStub(OpenChannel(credentials_, kConnectTimeout))) {}

  absl::StatusOr<std::string> Invite(absl::string_view user, absl::string_view role,
                                     absl::Span<const std::string> scopes,
                                     absl::Duration valid_for) override {
    v1::InviteRequest request;
    request.set_user(std::string(user));
    request.set_role(std::string(role));
    for (const std::string& scope : scopes) request.add_scopes(scope);
    request.set_valid_for_ms(absl::ToInt64Milliseconds(valid_for));
    v1::InviteResponse response;
    RETURN_IF_ERROR(Call(&v1::Administration::Stub::Invite, request, &response));
    return std::move(*response.mutable_invitation());
  }

  absl::StatusOr<std::vector<v1::DeviceRecord>> Devices() override {
    v1::ListDevicesResponse response;
    RETURN_IF_ERROR(
        Call(&v1::Administration::Stub::ListDevices, v1::ListDevicesRequest(), &response));
    return std::vector<v1::DeviceRecord>(response.devices().begin(), response.devices().end());
  }

  absl::Status RevokeDevice(const ReplicaId& replica) override {
    v1::RevokeDeviceRequest request;
    request.set_replica(replica.AsBytes());
    v1::RevokeDeviceResponse response;
    return Call(&v1::Administration::Stub::RevokeDevice, request, &response);
  }

  absl::StatusOr<RecordId> Grant(absl::string_view user, absl::string_view role,
                                 absl::Span<const std::string> scopes, absl::Time from,
                                 absl::Time until) override {
    v1::GrantRequest request;
    request.set_user(std::string(user));
    request.set_role(std::string(role));
    for (const std::string& scope : scopes) request.add_scopes(scope);
    if (from > absl::UnixEpoch()) request.set_from_ms(absl::ToUnixMillis(from));
    if (until != absl::InfiniteFuture()) request.set_until_ms(absl::ToUnixMillis(until));
    v1::GrantResponse response;
    RETURN_IF_ERROR(Call(&v1::Administration::Stub::Grant, request, &response));
    return RecordId::FromBytes(response.id());
  }

  absl::Status RevokeGrant(const RecordId& grant) override {
    v1::RevokeGrantRequest request;
    request.set_id(grant.AsBytes());
    v1::RevokeGrantResponse response;
    return Call(&v1::Administration::Stub::RevokeGrant, request, &response);
  }

  absl::StatusOr<std::vector<v1::GrantRecord>> Grants() override {
    v1::ListGrantsResponse response;
    RETURN_IF_ERROR(
        Call(&v1::Administration::Stub::ListGrants, v1::ListGrantsRequest(), &response));
    return std::vector<v1::GrantRecord>(response.grants().begin(), response.grants().end());
  }

  absl::StatusOr<v1::EraseResponse> Erase(uint32_t type_id, const RecordId& id,
                                          absl::string_view scope) override {
    v1::EraseRequest request;
    request.set_type_id(type_id);
    request.set_record_id(id.AsBytes());
    request.set_scope(std::string(scope));
    v1::EraseResponse response;
    RETURN_IF_ERROR(Call(&v1::Administration::Stub::Erase, request, &response));
    return response;
  }

  absl::StatusOr<std::vector<v1::QuarantinedSet>> Quarantine() override {
    std::vector<v1::QuarantinedSet> sets;
    v1::ListQuarantineRequest request;
    do {
      v1::ListQuarantineResponse page;
      RETURN_IF_ERROR(Call(&v1::Administration::Stub::ListQuarantine, request, &page));
      sets.insert(sets.end(), page.sets().begin(), page.sets().end());
      request.set_after(page.next());
    } while (!request.after().empty());
    return sets;
  }

  absl::StatusOr<v1::ShowQuarantinedResponse> Quarantined(
      const v1::ShowQuarantinedRequest& request) override {
    v1::ShowQuarantinedResponse response;
    RETURN_IF_ERROR(Call(&v1::Administration::Stub::ShowQuarantined, request, &response));
    return response;
  }

  absl::StatusOr<v1::ReleaseQuarantinedResponse> ReleaseQuarantined(
      const v1::ReleaseQuarantinedRequest& request) override {
    v1::ReleaseQuarantinedResponse response;
    RETURN_IF_ERROR(Call(&v1::Administration::Stub::ReleaseQuarantined, request, &response));
    return response;
  }

  absl::StatusOr<v1::QuerySummary> Query(
      absl::string_view sql, absl::Span<const SqlValue> args, uint32_t max_rows,
      absl::FunctionRef<absl::Status(absl::Span<const std::string>)> on_columns,
      absl::FunctionRef<absl::Status(SqlRow)> on_row) override {
    v1::QueryRequest request;
    request.set_sql(std::string(sql));
    request.set_max_rows(max_rows);
    for (const SqlValue& arg : args) *request.add_parameters() = ToProto(arg);
    grpc::ClientContext context;
    const auto reader = stub_->Query(&context, request);
    v1::QueryReply reply;
    v1::QuerySummary summary;
    absl::Status status;
    while (status.ok() && reader->Read(&reply)) {
      if (reply.columns_size() > 0) {
        const std::vector<std::string> columns(reply.columns().begin(), reply.columns().end());
        status = on_columns(columns);
      }
      for (int i = 0; status.ok() && i < reply.rows_size(); ++i) {
        SqlRow row;
        for (v1::SqlValue& value : *reply.mutable_rows(i)->mutable_values())
          row.push_back(FromProto(value));
        status = on_row(std::move(row));
      }
      if (reply.has_summary()) summary = reply.summary();
    }
    if (!status.ok()) context.TryCancel();
    const grpc::Status finished = reader->Finish();
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(FromGrpcStatus(finished, credentials_));
    return summary;
  }

  absl::StatusOr<std::string> Backup(absl::string_view name,
                                     absl::FunctionRef<void(uint64_t)> on_progress) override {
    v1::BackupRequest request;
    request.set_name(std::string(name));
    grpc::ClientContext context;
    const auto reader = stub_->Backup(&context, request);
    v1::BackupProgress progress;
    std::string path;
    while (reader->Read(&progress)) {
      on_progress(progress.done_bytes());
      if (progress.finished()) path = progress.path();
    }
    RETURN_IF_ERROR(FromGrpcStatus(reader->Finish(), credentials_));
    return path;
  }

 private:
  template <typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kUnaryTimeout);
    return FromGrpcStatus(((*stub_).*method)(&context, request, response), credentials_);
  }

  const Credentials credentials_;
  const std::unique_ptr<v1::Administration::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Administration>> Administration::Connect(
    const std::string& replica_path) {
  ASSIGN_OR_RETURN(Credentials credentials, ReplicaDirectory(replica_path).ReadCredentials());
  return std::unique_ptr<Administration>(new GrpcAdministration(std::move(credentials)));
}

}  // namespace brigada
