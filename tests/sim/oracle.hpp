#pragma once
#include "exchange.hpp"
#include "names.hpp"
#include "site.hpp"
#include "world.hpp"

#include <bunraku/master.hpp>

#include <optional>
#include <string>

namespace sim {

/// Whether an exchange has to succeed, computed from the schedule of faults alone.
class oracle {
 public:
  oracle(world& of, const site& about, names& named) : world_(of), site_(about), names_(named) {}

  /// A master that could have served it, from its begin to its end, and that the agent's host could find.
  std::optional<bunraku::master> able(const story& s) const;
  /// One that could have served it, whether it could be found or not.
  bool some_master_serves(const story& s) const;
  /// Why it may have failed although there is one; empty: it may not.
  std::string excuse(const story& s) const;

 private:
  bool can_find(const bunraku::master& who, const known_masters& known, const story& s) const;
  bool knows(const bunraku::policy::dns_question& question, const story& s) const;
  bool could_serve(const host& at, const story& s) const;
  std::string excuse_of(const story::sending& each, const story& s) const;
  bool has_rest_of(const story& s) const;

  world& world_;
  const site& site_;
  names& names_;
};

}  // namespace sim
