#pragma once
#include <bunraku/extensions.hpp>
#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/run.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <vector>

namespace bunraku::engine {

/// Whoever watches a resolver's work, as its operations see them. Where nobody does there is no such object: that one
/// test is all it costs then.
class observers {
 public:
  /// Null if nobody watches.
  static std::shared_ptr<const observers> of(const boost::asio::any_io_executor& executor,
                                             const resolver_options& options);
  observers(boost::asio::any_io_executor executor, const resolver_options& options);

  bool interfere() const noexcept { return who_->interferes(); }
  /// The fault that somebody injects there, if any.
  boost::asio::awaitable<fault> ask(moment when) const;
  /// Of the request that `from` is for, at `who`.
  moment about(moment::kind what, const plan& from, const master& who) const;

  void see(const master& who, service of, const outcome& what) const;
  void see(const exchange_end& how) const;

 private:
  std::string name_of(service s) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<extensions> who_;
  std::vector<std::string> names_;
};

}  // namespace bunraku::engine
