#include "sys/cgroup_spares.h"

namespace cove::sys {
namespace {

constexpr char kPrefix = '.';

}  // namespace

CgroupSpares::CgroupSpares(const CgroupTree& tree, size_t max)
    : tree_(tree), max_(tree.CanRename() ? max : 0) {
  if (const auto left = tree.List(CgroupTree::Names::kDotted)) RemoveAll(*left);
}

CgroupSpares::~CgroupSpares() { RemoveAll(spares_); }

void CgroupSpares::RemoveAll(const std::vector<std::string>& names) {
  // One that stays is empty, and tried again by the next who makes spares of this tree.
  for (const std::string& name : names) (void)tree_.Remove(name);
}

bool CgroupSpares::Take(const std::string& box) {
  while (!spares_.empty()) {
    const std::string spare = std::move(spares_.back());
    spares_.pop_back();
    if (tree_.Rename(spare, box)) return true;
    RemoveAll({spare});
  }
  return false;
}

CgroupSpares::Keeping CgroupSpares::Keep(const std::string& box) {
  if (tree_.IsOccupied(box)) return Keeping::kOccupied;
  if (spares_.size() >= max_ || !tree_.IsUnused(box)) return Keeping::kNot;
  // Of a start that was cut short some may be missing.
  if (!tree_.Create(box) || !tree_.LiftLimits(box)) return Keeping::kNot;
  std::string spare = kPrefix + std::to_string(next_++);
  if (!tree_.Rename(box, spare)) {
    RemoveAll({spare});
    return Keeping::kNot;
  }
  spares_.push_back(std::move(spare));
  return Keeping::kKept;
}

}  // namespace cove::sys
