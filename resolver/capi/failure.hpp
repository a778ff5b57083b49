#pragma once
#include <bunraku/bunraku.h>
#include <bunraku/problem.hpp>

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <new>
#include <string>
#include <utility>

namespace bunraku::capi {

/// What a C function fails with. `text` is one sentence, or several.
struct failure {
  int code;
  std::string text;
};

int code_of(boost::system::error_code error) noexcept;
failure failure_of(boost::system::error_code error, std::string more = {});
/// The errors among them, one after the other.
std::string text_of(const problems& list);

/// Keeps the text for bunraku_error_text and gives the code.
int fail(const failure& what) noexcept;
void keep_text(std::string text) noexcept;
const std::string& kept_text() noexcept;

/// Every entry's body: no exception leaves.
template <class Body>
int guarded(Body&& body) noexcept {
  try {
    return body();
  } catch (const failure& f) {
    return fail(f);
  } catch (const std::bad_alloc&) {
    return fail({BUNRAKU_E_MEMORY, {}});
  } catch (const boost::system::system_error& e) {
    return fail(failure_of(e.code(), e.what()));
  } catch (const std::exception& e) {
    return fail({BUNRAKU_E_INTERNAL, e.what()});
  } catch (...) {
    return fail({BUNRAKU_E_INTERNAL, {}});
  }
}

}  // namespace bunraku::capi
