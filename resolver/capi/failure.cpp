#include "capi/failure.hpp"

#include <bunraku/error.hpp>
#include <bunraku/shown_text.hpp>

#include <boost/asio/error.hpp>

namespace bunraku::capi {
namespace {

thread_local std::string text_of_this_thread;

}  // namespace

int code_of(boost::system::error_code error) noexcept {
  if (!error) return BUNRAKU_OK;
  if (error == boost::asio::error::operation_aborted) return BUNRAKU_E_CANCELLED;
  if (error.category() == category()) return error.value();
  if (error.category() == boost::system::system_category() || error.category() == boost::system::generic_category())
    return BUNRAKU_E_SYSTEM + error.value();
  return BUNRAKU_E_INTERNAL;
}

failure failure_of(boost::system::error_code error, std::string more) {
  auto text = error.message();
  if (!more.empty()) text += ": " + more;
  return {code_of(error), std::move(text)};
}

std::string text_of(const problems& list) {
  std::string text;
  for (const auto& p : list) {
    if (p.level() != severity::error) continue;
    if (!text.empty()) text += "; ";
    text += p.where() + ": " + p.what();
    if (!p.fix().empty()) text += " (" + p.fix() + ")";
  }
  return text;
}

void keep_text(std::string text) noexcept { text_of_this_thread = std::move(text); }
const std::string& kept_text() noexcept { return text_of_this_thread; }

int fail(const failure& what) noexcept {
  try {
    keep_text(what.text.empty() ? bunraku_error_name(what.code) : shown_text(what.text));
  } catch (const std::bad_alloc&) {
    keep_text({});
  }
  return what.code;
}

}  // namespace bunraku::capi
