// What the policy says about each request of a connection whose requests are read, now and for as
// long as what it allowed goes on. Thread: loop-confined. The box must outlive it.
#pragma once

#include "gateway/box.h"
#include "gateway/http_origin.h"
#include "gateway/upstream.h"

namespace cove::gateway {

struct Verdict {
  policy::Decision decision;
  std::string host;  // canonical, or of by_number the address
  uint16_t port = 0;
  std::string target;
  std::string method;
  CredentialUse secrets;
  std::string detail;  // what exactly is wrong with the request
  // For the audit: the query may hold secrets.
  std::string Path() const { return target.substr(0, target.find('?')); }
};

class HttpJudge {
 public:
  HttpJudge(const Box& box, HttpOrigin origin) : box_(box), origin_(std::move(origin)) {}

  const HttpOrigin& origin() const { return origin_; }
  Verdict Judge(const http::RequestHead& request) const;
  // By the policy that holds now, with no limit that `lease` does not hold.
  bool StillAllowed(const Verdict& verdict, const Lease& lease) const;
  // An idle connection to where nothing may go now would carry the next request.
  bool MayStay(const Upstream& upstream) const;
  // Where the connection may go to its address itself, names that no rule speaks of go there.
  bool ByNumber(const policy::Policy& policy, std::string_view host, uint16_t port) const;
  // A record of the request, whose kind of connection is its channel.
  audit::Record Row(const Verdict& verdict) const;

 private:
  policy::Reason Understand(const http::RequestHead& request, Verdict& verdict) const;
  // Why nothing goes to the address that the request has for its host.
  policy::Reason NotByNumber() const;
  policy::Decision JudgeRequest(const policy::Policy& policy, const Verdict& verdict) const;
  void FindSecrets(const http::RequestHead& request, Verdict& verdict) const;

  const Box& box_;
  const HttpOrigin origin_;
};

}  // namespace cove::gateway
