// The certificate authority behind connections that the gateway opens to look inside.
//
// Concept: one root for each installation, which sandboxes trust, and below it an intermediate for
// each sandbox, which signs a leaf for each host that the sandbox asks for. All keys stay out here;
// what one sandbox is shown tells nothing that would help against another.
// The root lies in two files of the front's directory: ca.pem, and ca.key (0600). Leaves live a
// day and intermediates a month, in memory only.
// Thread: loop-confined.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "net/tls.h"

namespace cove::gateway {

// A key with its certificate.
struct Issuer;

class Authority {
 public:
  // Reads the root from `directory`, or makes it there. kInvalid if what lies there is no root:
  // it is never replaced silently, because sandboxes trust it.
  static Result<std::unique_ptr<Authority>> Open(const std::string& directory);
  ~Authority();

  // What a sandbox has to trust.
  const std::string& root_pem() const { return root_pem_; }
  const Issuer& root() const { return *root_; }

 private:
  Authority(std::unique_ptr<Issuer> root, std::string pem);
  std::unique_ptr<Issuer> root_;
  std::string root_pem_;
};

// The server side of TLS towards one sandbox.
class SandboxCertificates {
 public:
  // `authority` must outlive it. `name` is for people who look at the chain.
  SandboxCertificates(const Authority& authority, std::string name);
  ~SandboxCertificates();

  // A context that speaks for `host` (canonical); kept for the next time.
  Result<std::shared_ptr<net::TlsContext>> ContextFor(const std::string& host);

 private:
  struct Leaf {
    std::string host;
    std::shared_ptr<net::TlsContext> context;
    TimePoint renew;
  };
  Result<void> MakeIntermediate();

  const Authority& authority_;
  std::string name_;
  std::unique_ptr<Issuer> intermediate_;
  TimePoint renew_intermediate_{};
  std::list<Leaf> leaves_;  // used last in front
  std::unordered_map<std::string, std::list<Leaf>::iterator> by_host_;
};

}  // namespace cove::gateway
