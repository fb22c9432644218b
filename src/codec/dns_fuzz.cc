// Fuzz target: any bytes as a DNS query; what is accepted must be answerable within its limit.
#include <cstdlib>

#include "codec/dns.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace dns = cove::codec::dns;
  const auto parsed = dns::ParseQuery({data, size});
  if (parsed.fault != dns::Fault::kNone) return 0;
  dns::Answer answer;
  answer.v4 = {{1, 2, 3, 4}};
  const auto out = dns::WriteAnswer(parsed.query, answer, parsed.query.udp_bytes_max);
  if (out.size() > parsed.query.udp_bytes_max) std::abort();
  return 0;
}
