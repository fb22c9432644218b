// What one sandbox may reach, by all the layers that have a say.
//
// Concept: each layer (server, organisation, template, sandbox) may have a *default*, which is
// what its sandboxes may reach unless a lower layer has a default of its own, and a *ceiling*,
// which is what may ever be allowed below it. So the innermost default is judged, and then every
// ceiling: a denial by any of them stands, and nobody widens past an administrator.
//
// A Policy is an immutable value that the gateway holds by shared_ptr while it judges one thing,
// so a change is a swap of the pointer and no reader sees half of one. Names are judged before
// anything is resolved.
//
// Judged in steps, as much as is known: EvaluateName when DNS asks, Evaluate at a connection,
// EvaluateRequest at each HTTP request; EvaluateTunnel at one whose bytes are opaque. Where rules
// speak of methods or paths a connection may be allowed only to have its requests judged:
// Decision::by_request. Thread: immutable after Make; pure functions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/judge.h"
#include "policy/layer.h"
#include "policy/reason.h"

namespace cove::policy {

struct Decision {
  bool allow = false;
  Reason reason = Reason::kNoRule;
  std::string rule;  // the rule that decided, or that came nearest
  Layer layer = Layer::kNone;
  // Allowed as far as is known; each request has to be judged by EvaluateRequest.
  bool by_request = false;
  // Allowed; if it is TLS, the gateway is to open it.
  bool inspect = false;
  // Of EvaluateRequest: the secrets, by name, that may be put into this request; each once, in no
  // order of importance. Only for TLS that was opened: never into plain HTTP. A layer that names a
  // secret does not grant it: whether the sandbox has it is the caller's to ask.
  std::vector<std::string> credentials;
  // Of all the rules that allow it, ceilings' too: each holds.
  std::vector<RuleLimits> limits;
  // Each request is to be a record of its own.
  bool log_requests = false;
};

// What one document says to a question: a part of the reason for a decision.
struct Step {
  Layer layer = Layer::kNone;
  enum class Part { kDefault, kCeiling } part = Part::kDefault;
  Decision decision;
};

// Of what agents may ask model providers for: all of these have to allow it.
struct ModelCut {
  Layer layer = Layer::kNone;
  Step::Part part = Step::Part::kDefault;
  std::shared_ptr<const ModelRules> rules;
};

class Policy {
 public:
  // Denies everything.
  Policy() = default;
  // `layers` from the outermost to the innermost. Without any default everything is denied.
  static std::shared_ptr<const Policy> Make(std::vector<LayerPolicy> layers);
  // One default of rules in the short form, no ceilings.
  static Result<std::shared_ptr<const Policy>> Parse(std::span<const std::string> rules,
                                                     Layer layer);

  // Could any port of this name be allowed? What DNS answers by. `host` may be in any spelling.
  Decision EvaluateName(std::string_view host) const;
  // May a connection to this name and port be made whose bytes nobody judges? Where rules speak of
  // methods or paths, or want to look inside, it may not: kNeedsInspection.
  Decision EvaluateTunnel(std::string_view host, uint16_t port) const;
  // May a connection to this name and port be made, as far as that alone says?
  Decision Evaluate(std::string_view host, uint16_t port) const;
  // May this request be sent on such a connection? by_request then says that its method or path
  // mattered. `target` is the request target's origin form.
  Decision EvaluateRequest(std::string_view host, uint16_t port, std::string_view method,
                           std::string_view target) const;
  // The secrets, by name, that rules give to some request to there.
  std::vector<std::string> CredentialsFor(std::string_view host, uint16_t port) const;
  // May this address itself be dialled on this port (without one: on any)? Only address rules and a
  // default of allow say so; loopback, link-local, metadata, own, multicast and disguised addresses
  // never are, and private ones only where the server's own policy names the range.
  Decision EvaluateAddress(const Address& address, std::optional<uint16_t> port,
                           AddressClass kind) const;
  // That a rule or a ceiling denies the name on this port, or some of the requests to it, or it is
  // a resolver that hides names: then nothing goes there by its number, either.
  std::optional<Decision> DenialOf(std::string_view host, uint16_t port) const;
  // Whether it could deny any: a connection by number then has to say its name.
  bool DeniesNames(uint16_t port) const;
  // No rule allows the name (canonical), none denies it, and it may lead to a network that a rule
  // allows on this port (without one: on any). Then what its addresses may, by EvaluateAddress, a
  // connection to the name may, too.
  bool MayLeadToNetwork(std::string_view host, std::optional<uint16_t> port) const;
  // Whether rules say more about what the name leads to than that it is to be public: denied
  // networks, resolves_to.
  bool AddressesDecide(std::string_view host, uint16_t port) const;
  // May this address be dialled for a name (canonical) that is allowed already?
  bool MayDial(std::string_view host, const Address& address, uint16_t port,
               AddressClass kind) const;

  // What each document says by itself, whatever the others say: the default that holds, then the
  // ceilings from the outermost in. For explanations; Judge is what counts.
  std::vector<Step> Trace(const Question& question) const;

  // The innermost default about models, if any layer has one, then every ceiling about them.
  const std::vector<ModelCut>& models() const { return models_; }

  // From the outermost; and the one among them whose default holds (kNone: none).
  const std::vector<LayerPolicy>& layers() const { return layers_; }
  Layer default_layer() const { return standard_.layer; }
  // The rules of the default that holds.
  const std::vector<Rule>& rules() const;

 private:
  Decision Judge(const Question& question) const;
  // Of those that have a say: the default that holds, the ceilings.
  bool AnyDocument(const std::function<bool(const std::shared_ptr<const Document>&)>& holds) const;
  bool OperatorNames(const Address& address, std::optional<uint16_t> port) const;

  std::vector<LayerPolicy> layers_;
  LayerPolicy standard_;  // the innermost default
  std::vector<ModelCut> models_;
};

}  // namespace cove::policy
