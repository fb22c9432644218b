#include "control/pool.h"

#include "async/deadline.h"
#include "base/text.h"
#include "log/log.h"

namespace cove::control {
namespace {

using proto::runner::BoxCreate;

constexpr milliseconds kStill{50};  // after a request
constexpr seconds kRetry{5};
constexpr seconds kAnswerDeadline{10};

}  // namespace

std::string Pool::KeyOf(BoxCreate request) {
  request.id = SandboxId();
  request.hostname.clear();
  return proto::Encode(request);
}

void Pool::SetWants(const std::vector<Want>& wants) {
  for (auto& [key, shelf] : shelves_) shelf.wanted = 0;
  for (const Want& want : wants) {
    Shelf& shelf = shelves_[KeyOf(want.model)];
    shelf.model = want.model;
    shelf.wanted += closed_ ? 0 : want.size;
  }
  for (auto& [key, shelf] : shelves_) {
    while (shelf.boxes.size() > shelf.wanted) Drop(shelf);
  }
  std::erase_if(shelves_, [](const auto& item) { return item.second.wanted == 0; });
  changed_.NotifyAll();
}

std::optional<proto::RunningBox> Pool::Take(const BoxCreate& request) {
  const auto it = shelves_.find(KeyOf(request));
  if (it == shelves_.end() || it->second.boxes.empty()) return std::nullopt;
  proto::RunningBox box = std::move(it->second.boxes.front());
  it->second.boxes.pop_front();
  changed_.NotifyAll();
  return box;
}

void Pool::NoteRequest() { quiet_until_ = Now() + kStill; }

bool Pool::DropOne() {
  for (auto& [key, shelf] : shelves_) {
    if (shelf.boxes.empty()) continue;
    Drop(shelf);
    return true;
  }
  return false;
}

void Pool::Drop(Shelf& shelf) {
  // Its sockets close here, so the runner's are the last ones.
  const SandboxId id = shelf.boxes.back().info.id;
  shelf.boxes.pop_back();
  tasks_.Spawn(Delete(id, shelf.model.image));
  changed_.NotifyAll();
}

void Pool::OnExited(const SandboxId& id) {
  for (auto& [key, shelf] : shelves_) {
    const auto gone = std::find_if(shelf.boxes.begin(), shelf.boxes.end(),
                                   [&](const auto& box) { return box.info.id == id; });
    if (gone == shelf.boxes.end()) continue;
    log::Warn("pool.box_ended", {{"box", id.value}});
    shelf.boxes.erase(gone);
    tasks_.Spawn(Delete(id, shelf.model.image));
    changed_.NotifyAll();
    return;
  }
}

Task<void> Pool::Close() {
  closed_ = true;
  SetWants({});
  // Refill() ends by itself once it sees that the pool is closed.
  co_await tasks_.Join();
}

std::vector<BoxCreate> Pool::Held() const {
  std::vector<BoxCreate> out;
  if (making_) out.push_back(*making_);
  for (const auto& [key, shelf] : shelves_) {
    out.insert(out.end(), shelf.boxes.size(), shelf.model);
  }
  return out;
}

size_t Pool::Ready(const BoxCreate& model) const {
  const auto it = shelves_.find(KeyOf(model));
  return it == shelves_.end() ? 0 : it->second.boxes.size();
}

// `lacking`: there are boxes to make, whether or not there is room for them.
const Pool::Shelf* Pool::NextToFill(bool* lacking) const {
  *lacking = false;
  for (const auto& [key, shelf] : shelves_) {
    if (shelf.boxes.size() >= shelf.wanted) continue;
    *lacking = true;
    if (deps_.may_grow(shelf.model)) return &shelf;
  }
  return nullptr;
}

Task<void> Pool::Refill() {
  while (!closed_) {
    if (Now() < quiet_until_) {
      co_await changed_.Wait(quiet_until_);
      continue;
    }
    bool lacking = false;
    const Shelf* shelf = NextToFill(&lacking);
    if (shelf == nullptr) {
      co_await changed_.Wait(lacking ? Now() + kRetry : kNever);
      continue;
    }
    auto made = co_await MakeOne(shelf->model);
    if (!made && made.error().message() != error_) {
      log::Warn("pool.refill_failed", {{"error", made.error().message()}});
    }
    error_ = made ? std::string() : made.error().message();
    if (!made && !closed_) co_await changed_.Wait(Now() + kRetry);
  }
}

Task<Result<void>> Pool::MakeOne(BoxCreate request) {
  request.id = SandboxId(NewUuid());
  request.hostname = request.id.value;
  making_ = request;
  struct Made {
    Pool* pool;
    ~Made() { pool->making_.reset(); }
  } const made{this};
  auto box = co_await async::WithDeadline(deps_.runner->CreateBox(request),
                                          Now() + deps_.start_deadline, "making a box ahead");
  Result<void> answers = Ok();
  if (box) {
    answers = co_await async::WithDeadline(deps_.toolbox->Try(box->info.toolbox_socket),
                                           Now() + kAnswerDeadline, "reaching its toolbox");
  } else {
    answers = box.error();
  }
  const auto it = shelves_.find(KeyOf(request));
  if (answers && it != shelves_.end() && it->second.boxes.size() < it->second.wanted) {
    it->second.boxes.push_back(*std::move(box));
    co_return Ok();
  }
  // Also after a time-out: the runner goes on with what it was asked for.
  tasks_.Spawn(Delete(request.id, request.image));
  co_return answers;
}

Task<void> Pool::Delete(SandboxId id, ImageId image) {
  for (;;) {
    auto deleted = co_await deps_.runner->DeleteBox(id);
    if (deleted || deleted.error().code() == Code::kNotFound) break;
    log::Warn("pool.box_left", {{"box", id.value}, {"error", deleted.error().message()}});
    // The next front removes it too: it has no row.
    if (closed_) co_return;
    co_await async::Sleep(kRetry);
  }
  if (deps_.on_deleted) deps_.on_deleted(image);
}

}  // namespace cove::control
