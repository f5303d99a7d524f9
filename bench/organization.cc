#include "bench/organization.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "brigada/replica.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

absl::Status EnrolAt(const std::string& path, absl::string_view invitation,
                     absl::string_view name) {
  Options options;
  options.path = path;
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, Replica::Open(options));
  return replica->Enroll(invitation, name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchOrganization>> BenchOrganization::Create(
    const std::string& server_binary, const std::string& directory) {
  std::unique_ptr<BenchOrganization> organization(new BenchOrganization(directory));
  RETURN_IF_ERROR(organization->Start(server_binary));
  return organization;
}

absl::Status BenchOrganization::Start(const std::string& server_binary) {
  ASSIGN_OR_RETURN(const int port, FreePort());
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ChildProcess> init,
      ChildProcess::Start(
          {server_binary, "--dir", ServerDirectory(), "init", "--organization", "Banco",
           "--address", absl::StrCat("127.0.0.1:", port), "--administrator", "admin"},
          PathOf("init.log")));
  ASSIGN_OR_RETURN(const std::string output, init->Finish());
  ASSIGN_OR_RETURN(server_, ChildProcess::Start({server_binary, "--dir", ServerDirectory(), "serve",
                                                 "--listen", absl::StrCat("127.0.0.1:", port)},
                                                PathOf("server.log")));
  RETURN_IF_ERROR(WaitForPort(port));
  RETURN_IF_ERROR(EnrolAt(PathOf("admin"), absl::StripSuffix(output, "\n"), "console"));
  ASSIGN_OR_RETURN(administration_, Administration::Connect(PathOf("admin")));
  return absl::OkStatus();
}

std::string BenchOrganization::PathOf(absl::string_view name) const {
  return absl::StrCat(directory_, "/", name);
}

absl::StatusOr<std::string> BenchOrganization::NewDevice(absl::string_view name,
                                                         absl::string_view scope) {
  const std::vector<std::string> scopes = {std::string(scope)};
  ASSIGN_OR_RETURN(const std::string invitation,
                   administration_->Invite(name, "organizer", scopes, absl::Hours(1)));
  std::string path = PathOf(name);
  RETURN_IF_ERROR(EnrolAt(path, invitation, name));
  return path;
}

}  // namespace brigada::bench
