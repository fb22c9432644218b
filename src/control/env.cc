#include "control/env.h"

namespace cove::control {
namespace {

// The host's bundle is part of the image: sandboxes trust what the host trusts. Programs with a
// bundle of their own (Node, Python's requests and pip, curl, git) are pointed at it.
constexpr const char* kCaBundle = "/etc/ssl/certs/ca-certificates.crt";
constexpr const char* kCaNames[] = {"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE",
                                    "REQUESTS_CA_BUNDLE",  "PIP_CERT",
                                    "CURL_CA_BUNDLE",      "GIT_SSL_CAINFO"};

}  // namespace

proto::toolbox::EnvList EnvironmentOf(const Sandbox& sandbox, const EnvMap& placeholders) {
  EnvMap env;
  env["COVE_SANDBOX_ID"] = sandbox.id.value;
  env["DAYTONA_SANDBOX_ID"] = sandbox.id.value;
  env["DAYTONA_SANDBOX_SNAPSHOT"] = sandbox.snapshot;
  env["DAYTONA_SANDBOX_USER"] = sandbox.user;
  env["DAYTONA_ORGANIZATION_ID"] = sandbox.org.value;
  env["DAYTONA_REGION_ID"] = sandbox.target;
  env["OPENAI_BASE_URL"] = "http://models.cove/openai/v1";
  env["ANTHROPIC_BASE_URL"] = "http://models.cove/anthropic";
  for (const char* name : kCaNames) env[name] = kCaBundle;
  for (const auto& [name, value] : sandbox.env) env[name] = value;
  for (const auto& [name, value] : placeholders) env[name] = value;
  return {env.begin(), env.end()};
}

}  // namespace cove::control
