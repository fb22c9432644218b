#include "gateway/ssh_agent.h"

#include "gateway/ledger.h"
#include "gateway/ssh_wire.h"
#include "log/log.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr uint32_t kRequestBytesMax = 64 * 1024;
constexpr Duration kIdle = seconds(600);

constexpr uint8_t kFailure = 5;
constexpr uint8_t kSuccess = 6;
constexpr uint8_t kRequestIdentities = 11;
constexpr uint8_t kIdentitiesAnswer = 12;
constexpr uint8_t kSignRequest = 13;
constexpr uint8_t kSignResponse = 14;
constexpr uint8_t kExtension = 27;
constexpr uint8_t kUserauthRequest = 50;

std::string OneByte(uint8_t byte) { return std::string(1, static_cast<char>(byte)); }

// What a login request (RFC 4252) says, as far as it counts here.
struct Login {
  std::string_view session;
  std::string_view user;
  std::string_view key;
  std::optional<std::string_view> host_key;  // publickey-hostbound-v00@openssh.com names it
};

std::optional<Login> ParseLogin(std::string_view data) {
  SshReader in(data);
  Login out;
  out.session = in.Text();
  const bool request = in.Byte() == kUserauthRequest;
  out.user = in.Text();
  const bool service = in.Text() == "ssh-connection";
  const std::string_view method = in.Text();
  const bool with_signature = in.Byte() == 1;
  const bool kind = in.Text() == kSshEd25519;
  out.key = in.Text();
  if (method == "publickey-hostbound-v00@openssh.com") {
    out.host_key = in.Text();
  } else if (method != "publickey") {
    return std::nullopt;
  }
  if (!request || !service || !with_signature || !kind || !in.Complete()) return std::nullopt;
  return out;
}

}  // namespace

SshAgent::Answer SshAgent::Handle(std::string_view request,
                                  const std::vector<SshIdentity>& identities) {
  SshReader in(request);
  const uint8_t type = in.Byte();
  Answer out;
  out.reply = OneByte(kFailure);
  if (type == kRequestIdentities && in.Complete()) {
    out.reply = OneByte(kIdentitiesAnswer) + SshNumber(static_cast<uint32_t>(identities.size()));
    for (const SshIdentity& one : identities) {
      out.reply += SshText(one.key.public_blob()) + SshText(one.secret);
    }
  } else if (type == kSignRequest) {
    out = Sign(in.left(), identities);
  } else if (type == kExtension && in.Text() == "session-bind@openssh.com") {
    out.reply = Bind(in.left());
  }
  return out;
}

std::string SshAgent::Bind(std::string_view body) {
  SshReader in(body);
  const std::string_view host_key = in.Text();
  const std::string_view session = in.Text();
  const std::string_view signature = in.Text();
  const uint8_t forwarding = in.Byte();
  // One connection, one session: a second one would be that of somebody behind it.
  const bool good = in.Complete() && session_.empty() && !closed_ && !session.empty() &&
                    forwarding == 0 && SshVerify(host_key, session, signature);
  if (!good) {
    closed_ = true;
    return OneByte(kFailure);
  }
  host_key_ = host_key;
  session_ = session;
  return OneByte(kSuccess);
}

SshAgent::Answer SshAgent::Sign(std::string_view body,
                                const std::vector<SshIdentity>& identities) const {
  Answer out;
  out.reply = OneByte(kFailure);
  SshReader in(body);
  const std::string_view key = in.Text();
  const std::string_view data = in.Text();
  in.Number();  // flags: they are about RSA
  const auto login = in.Complete() ? ParseLogin(data) : std::nullopt;
  if (!login || login->key != key) {
    out.refused = "not a login request";
    return out;
  }
  if (closed_ || session_.empty() || login->session != session_) {
    out.refused = "the session is not bound to a host";
    return out;
  }
  if (login->host_key && *login->host_key != host_key_) {
    out.refused = "the login names another host key";
    return out;
  }
  out.refused = "no secret is for this user on a host with this key";
  for (const SshIdentity& one : identities) {
    if (one.key.public_blob() != key || one.host_key != host_key_ || one.user != login->user) {
      continue;
    }
    if (!one.spoken_to) {
      out.refused = "no connection of the sandbox to that host is open";
      continue;
    }
    auto signature = one.key.Sign(data);
    if (!signature) {
      out.refused = signature.error().message();
      return out;
    }
    out.reply = OneByte(kSignResponse) + SshText(*signature);
    out.signer = &one;
    out.refused.clear();
    return out;
  }
  return out;
}

std::vector<SshIdentity> SshIdentitiesOf(const Credentials& credentials,
                                         const std::multiset<std::string>& open_to) {
  std::vector<SshIdentity> out;
  for (const CredentialPtr& one : credentials.SshKeys()) {
    auto key = SshKey::Parse(one->value);
    if (!key) {
      log::Warn("secret.unusable", {{"secret", one->name}, {"error", key.error().message()}});
      continue;
    }
    const auto& rules = one->scope.rules;
    // The host that is spoken to, if it is one of the secret's; else the first that it is for.
    const auto spoken_to = std::find_if(open_to.begin(), open_to.end(), [&](const auto& name) {
      return std::any_of(rules.begin(), rules.end(),
                         [&](const policy::Rule& rule) { return rule.MatchesHost(name); });
    });
    const bool open = spoken_to != open_to.end();
    const std::string named = rules.empty() ? std::string() : rules.front().host.ToString();
    out.push_back({one->name, open ? *spoken_to : named, one->header.text, one->header.host_key,
                   *std::move(key), open});
  }
  return out;
}

namespace {

// On record before the signature leaves.
Task<bool> Record(Box& box, const SshAgent::Answer& answer) {
  audit::Record record = box.NewRecord("ssh");
  if (answer.signer == nullptr) {
    record.detail = answer.refused;
    box.Denied(std::move(record), Reason::kNoCredential);
    co_return true;
  }
  record.host = answer.signer->host;
  record.reason = policy::ReasonName(Reason::kAllowed);
  record.detail = "login as " + answer.signer->user;
  record.secrets = answer.signer->secret;
  Ledger ledger(*box.deps.audit);
  ledger.AddSecret(answer.signer->secret);
  const auto opened = co_await ledger.Open(std::move(record));
  if (!opened) log::Error("gateway.audit_failed", {{"error", opened.error().message()}});
  co_return opened.ok();
}

}  // namespace

Task<void> ServeSshAgent(Box& box, net::StreamPtr client) {
  SshAgent agent;
  client->set_read_timeout(kIdle);
  client->set_write_timeout(kIdle);
  for (;;) {
    std::string size_bytes(4, '\0');
    if (!co_await net::ReadExactly(*client, size_bytes)) co_return;
    const uint32_t size = SshReader(size_bytes).Number();
    if (size == 0 || size > kRequestBytesMax) co_return;
    std::string request(size, '\0');
    if (!co_await net::ReadExactly(*client, request)) co_return;
    const auto credentials = box.Secrets();
    const std::vector<SshIdentity> identities = credentials == nullptr
                                                    ? std::vector<SshIdentity>()
                                                    : SshIdentitiesOf(*credentials, box.open_to);
    SshAgent::Answer answer = agent.Handle(request, identities);
    const bool asked_to_sign = answer.signer != nullptr || !answer.refused.empty();
    if (asked_to_sign && !co_await Record(box, answer)) co_return;
    if (!co_await client->Write(SshText(answer.reply))) co_return;
  }
}

}  // namespace cove::gateway
