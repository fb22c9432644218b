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

bool Breaker::stale(TimePoint now) const {
  if (trying_) return false;
  if (open_until_) return now - *open_until_ > settings_.window;
  return refusals_.empty() || now - refusals_.back() > settings_.window;
}

Breakers::Pass::~Pass() {
  if (!inside_) return;
  if (Breaker* breaker = owner_->Find(name_)) breaker->Left();
  owner_->Tidy(name_);
}

std::optional<Duration> Breakers::Pass::Enter(TimePoint now) {
  const auto wait = owner_->Of(name_, now).Enter(now);
  inside_ = !wait;
  return wait;
}

void Breakers::Pass::Succeeded() {
  inside_ = false;
  if (Breaker* breaker = owner_->Find(name_)) breaker->Succeeded();
  owner_->Tidy(name_);
}

void Breakers::Pass::Failed(TimePoint now) {
  inside_ = false;
  owner_->Of(name_, now).Failed(now);
}

// Changes `name` to the shared one's where there is no room.
Breaker& Breakers::Of(std::string& name, TimePoint now) {
  if (Breaker* breaker = Find(name)) return *breaker;
  if (breakers_.size() >= kNamesMax) {
    std::erase_if(breakers_, [now](const auto& entry) { return entry.second.stale(now); });
  }
  if (breakers_.size() >= kNamesMax) name.clear();
  return breakers_.try_emplace(name, settings_).first->second;
}

Breaker* Breakers::Find(const std::string& name) {
  const auto it = breakers_.find(name);
  return it == breakers_.end() ? nullptr : &it->second;
}

void Breakers::Tidy(const std::string& name) {
  const auto it = breakers_.find(name);
  if (it != breakers_.end() && it->second.idle()) breakers_.erase(it);
}

}  // namespace cove::bridge
