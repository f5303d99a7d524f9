#include "tests/support/test_organization.h"

#include <cstdio>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

// What a test cannot go on without. Prints the status first: unlike the product's, a test's
// statuses hold nobody's data.
void Require(const absl::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  CHECK(status.ok());
}

std::string WithPort(absl::string_view text, int port) {
  std::string bytes;
  v1::Invitation invitation;
  CHECK(absl::WebSafeBase64Unescape(text.substr(5), &bytes) && invitation.ParseFromString(bytes));
  invitation.set_server(absl::StrCat("127.0.0.1:", port));
  return absl::StrCat("BRG1-", absl::WebSafeBase64Escape(invitation.SerializeAsString()));
}

}  // namespace

TestOrganization::TestOrganization() {
  InitOptions init;
  init.directory = scratch_ / "server";
  init.organization = "Prueba";
  init.public_address = "127.0.0.1:0";
  init.names = {"127.0.0.1"};
  init.administrator = "admin";
  absl::StatusOr<std::string> invitation = InitOrganization(init, SystemClock(), SystemRandom());
  Require(invitation.status());
  StartServer();
  Options options;
  options.path = DevicePath("admin");
  absl::StatusOr<std::unique_ptr<Replica>> replica = Replica::Open(options);
  Require(replica.status());
  administrator_ = *std::move(replica);
  Require(administrator_->Enroll(WithPort(*invitation, port()), "console"));
  absl::StatusOr<std::unique_ptr<Administration>> administration =
      Administration::Connect(options.path);
  Require(administration.status());
  administration_ = *std::move(administration);
}

TestOrganization::~TestOrganization() {
  administration_.reset();
  administrator_.reset();
  StopServer();
}

void TestOrganization::StartServer(const WrapStore& wrap, const Clock& clock, bool reflection,
                                   const QueryLimits& query_limits) {
  absl::StatusOr<std::unique_ptr<Organization>> organization =
      OpenOrganization(scratch_ / "server", clock, SystemRandom());
  Require(organization.status());
  if (wrap) (*organization)->store = wrap(std::move((*organization)->store));
  ServerOptions options;
  options.listen = absl::StrCat("127.0.0.1:", port());
  options.threads = 2;
  options.reflection = reflection;
  options.query_limits = query_limits;
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(*std::move(organization), options, clock, SystemRandom());
  Require(server.status());
  server_ = *std::move(server);
}

void TestOrganization::StopServer() {
  if (server_ != nullptr) server_->Shutdown(absl::Seconds(5));
  server_.reset();
}

std::string TestOrganization::DevicePath(absl::string_view user) const { return scratch_ / user; }

std::string TestOrganization::Invite(absl::string_view user, absl::string_view role,
                                     absl::string_view scope) {
  const std::string scopes[] = {std::string(scope)};
  absl::StatusOr<std::string> invitation =
      administration_->Invite(user, role, scopes, absl::Hours(1));
  Require(invitation.status());
  return WithPort(*invitation, port());
}

std::unique_ptr<Replica> TestOrganization::NewDevice(absl::string_view user, absl::string_view role,
                                                     absl::string_view scope) {
  Options options;
  options.path = DevicePath(user);
  absl::StatusOr<std::unique_ptr<Replica>> replica = Replica::Open(options);
  Require(replica.status());
  Require((*replica)->Enroll(Invite(user, role, scope), absl::StrCat("phone of ", user)));
  return *std::move(replica);
}

}  // namespace brigada
