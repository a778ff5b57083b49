#include "io/credentials.hpp"
#include "io/credentials_news.hpp"

#include <bunraku/identity.hpp>

#include <utility>

namespace bunraku {

identity_reading identity::load(const credential_files& files) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  io::credentials_reading reading = io::load_credentials(files, now);
  identity_reading out{nullptr, std::move(reading.found), reading.revoked};
  if (reading.value) out.value = std::make_shared<const identity>(std::move(reading.value));
  return out;
}

identity::identity(std::shared_ptr<const io::credentials> native) noexcept : native_(std::move(native)) {}
identity::~identity() = default;

const std::string& identity::certname() const noexcept { return native_->certname(); }
std::chrono::sys_seconds identity::certificate_not_before() const noexcept { return native_->not_before(); }
std::chrono::sys_seconds identity::certificate_not_after() const noexcept { return native_->not_after(); }
std::chrono::sys_seconds identity::ca_not_after() const noexcept { return native_->ca_not_after(); }
std::optional<std::chrono::sys_seconds> identity::crl_next_update() const noexcept {
  return native_->crl_next_update();
}
std::string identity::certificate_serial() const { return io::serial_of(native_->certificate()); }
std::string identity::spki_sha256() const { return io::hex(native_->spki_sha256()); }
const credential_files& identity::files() const noexcept { return native_->files(); }
std::string identity::differs_from(const identity& before) const { return io::differences(*before.native_, *native_); }
problems identity::check(std::chrono::sys_seconds now) const { return io::check_again(*native_, now); }

}  // namespace bunraku
