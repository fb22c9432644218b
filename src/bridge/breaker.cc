#include "bridge/breaker.h"

namespace cove::bridge {

std::optional<Duration> Breaker::Enter(TimePoint now) {
  if (!open_until_) return std::nullopt;
  if (now < *open_until_) return *open_until_ - now;
  if (trying_) return seconds(1);
  trying_ = true;
  return std::nullopt;
}

void Breaker::Succeeded() {
  trying_ = false;
  open_until_.reset();
  refusals_.clear();
}

void Breaker::Failed(TimePoint now) {
  if (trying_) {
    trying_ = false;
    open_until_ = now + settings_.open_for;
    return;
  }
  // Calls that went out before it opened say nothing new.
  if (open_until_) return;
  refusals_.push_back(now);
  if (refusals_.size() > static_cast<size_t>(settings_.failures)) refusals_.pop_front();
  const bool many = refusals_.size() == static_cast<size_t>(settings_.failures);
  if (many && now - refusals_.front() <= settings_.window) {
    open_until_ = now + settings_.open_for;
    refusals_.clear();
  }
}

Breakers::Pass::~Pass() {
  if (!inside_) return;
  owner_->Of(name_).Left();
  owner_->Tidy(name_);
}

std::optional<Duration> Breakers::Pass::Enter(TimePoint now) {
  const auto wait = owner_->Of(name_).Enter(now);
  inside_ = !wait;
  return wait;
}

void Breakers::Pass::Succeeded() {
  inside_ = false;
  owner_->Of(name_).Succeeded();
  owner_->Tidy(name_);
}

void Breakers::Pass::Failed(TimePoint now) {
  inside_ = false;
  owner_->Of(name_).Failed(now);
}

// Changes `name` to the shared one's where there is no room.
Breaker& Breakers::Of(std::string& name) {
  const auto it = breakers_.find(name);
  if (it != breakers_.end()) return it->second;
  if (breakers_.size() >= kNamesMax) name.clear();
  return breakers_.try_emplace(name, settings_).first->second;
}

void Breakers::Tidy(const std::string& name) {
  const auto it = breakers_.find(name);
  if (it != breakers_.end() && it->second.idle()) breakers_.erase(it);
}

}  // namespace cove::bridge
