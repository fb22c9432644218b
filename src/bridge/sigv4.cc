#include "bridge/sigv4.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "identity/crypto.h"

namespace cove::bridge {
namespace {

using identity::Hmac;
using identity::Sha256Hex;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// "20150830T123600Z".
std::string Stamp(WallTime now) {
  std::string iso = FormatIso(now);
  std::erase(iso, '-');
  std::erase(iso, ':');
  return iso.substr(0, iso.find('.')) + "Z";
}

// Encoded once more than it is sent: of all services only S3 takes it as it is.
std::string CanonicalPath(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : Split(path, '/')) parts.push_back(PercentEncode(part));
  return Join(parts, "/");
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string_view pair : Split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const auto encoded = [](std::string_view text) {
      return PercentEncode(PercentDecode(text).value_or(std::string(text)));
    };
    pairs.emplace_back(encoded(pair.substr(0, equals)),
                       encoded(pair.substr(std::min(equals + 1, pair.size()))));
  }
  std::sort(pairs.begin(), pairs.end());
  std::vector<std::string> out;
  out.reserve(pairs.size());
  for (const auto& [name, value] : pairs) out.push_back(name + "=" + value);
  return Join(out, "&");
}

// Lower-case names and their values; those of one name are joined.
std::map<std::string, std::string> SignedFields(const http::ClientRequest& request) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : request.headers) {
    const std::string lower = ToLower(name);
    if (lower != "content-type" && !lower.starts_with("x-amz-")) continue;
    std::string& all = out[lower];
    if (!all.empty()) all += ',';
    all += Trim(value);
  }
  out["host"] = request.url.HostHeader();
  return out;
}

}  // namespace

void SignForAws(http::ClientRequest& request, const ProviderKey& key, const AwsScope& scope,
                WallTime now) {
  const std::string stamp = Stamp(now);
  request.headers.Set("x-amz-date", stamp);
  if (!key.session_token.empty()) {
    request.headers.Set("x-amz-security-token", key.session_token.Reveal());
  }
  const std::string_view target = request.url.target;
  const size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  std::string fields;
  std::vector<std::string> names;
  for (const auto& [name, value] : SignedFields(request)) {
    fields.append(name).append(":").append(value).append("\n");
    names.push_back(name);
  }
  const std::string canonical =
      Join({request.method, CanonicalPath(path.empty() ? "/" : path),
            CanonicalQuery(target.substr(std::min(mark + 1, target.size()))), fields,
            Join(names, ";"), Sha256Hex(request.body)},
           "\n");

  const std::string day = stamp.substr(0, stamp.find('T'));
  const std::string where = Join({day, scope.region, scope.service, "aws4_request"}, "/");
  const std::string to_sign =
      Join({std::string(kAlgorithm), stamp, where, Sha256Hex(canonical)}, "\n");
  std::string derived = "AWS4" + key.secret.Reveal();
  for (const std::string_view part :
       {std::string_view(day), std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    derived = Hmac(derived, part);
  }
  request.headers.Set("Authorization", std::string(kAlgorithm) +
                                           " Credential=" + key.access_key_id + "/" + where +
                                           ", SignedHeaders=" + Join(names, ";") +
                                           ", Signature=" + identity::HmacHex(derived, to_sign));
}

}  // namespace cove::bridge
