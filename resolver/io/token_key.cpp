// Engines are deprecated since OpenSSL 3.0. Debian 12 has no provider for PKCS#11.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "io/token_key.hpp"

#include "io/openssl_reason.hpp"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>

#include <memory>
#include <string>

namespace bunraku::io {
namespace {

constexpr std::string_view show = "see what there is: p11tool --list-all-privkeys --login (package gnutls-bin)";

struct engine_freed {
  void operator()(ENGINE* e) const noexcept { ENGINE_free(e); }
};
using engine_ptr = std::unique_ptr<ENGINE, engine_freed>;

struct method_freed {
  void operator()(UI_METHOD* m) const noexcept { UI_destroy_method(m); }
};

problem error(const token_uri& where, std::string what, std::string_view fix) {
  return {severity::error, where.key, std::move(what), std::string(fix)};
}

/// What OpenSSL and the engine said, and the queue is empty.
std::string reasons() {
  std::string all;
  while (const unsigned long code = ERR_get_error()) {
    const auto text = openssl_reason(code);
    if (!all.contains(text)) all += (all.empty() ? "" : ", ") + text;
  }
  return all.empty() ? "unknown reason" : all;
}

/// Instead of OpenSSL's own, which would ask on the terminal.
int asked_without_pin(UI* ui, UI_STRING*) {
  *static_cast<bool*>(UI_get0_user_data(ui)) = true;
  return -1;
}

problem explain(const token_uri& where, const std::string& why, bool asked) {
  if (asked)
    return error(where, "the token asks for a PIN",
                 "write it into a file of mode 0600 and add ?pin-source=FILE to the URI");
  if (why.contains("Unable to load PKCS#11 module"))
    return error(where,
                 "the PKCS#11 module " + (where.module_path.empty() ? "p11-kit-proxy.so" : where.module_path) +
                     " cannot be loaded",
                 where.module_path.empty()
                     ? "install p11-kit-modules, or name the token's own module by ?module-path=FILE"
                     : "install it, or name the file where it is");
  if (why.contains("PIN locked"))
    return error(where, "the token has locked itself after wrong PINs", "unlock it by its own tool");
  if (why.contains("PIN"))
    return error(where, "the token does not take the PIN in " + where.pin_file + " (" + why + ")",
                 "mend it before the next start or reload: each one tries again, and a token locks itself after a few");
  if (why.contains("object not found")) return error(where, "no token has such a private key", show);
  return error(where, "the token does not give its key: " + why, show);
}

/// The engine with the wanted module, or why not. It is OpenSSL's, one for the process, and so is its module.
std::expected<engine_ptr, problem> engine_for(const token_uri& where) {
  static std::string loaded;  // empty: p11-kit's
  static bool any = false;
  if (any && loaded != where.module_path)
    return std::unexpected(
        error(where, "another PKCS#11 module is in use by this process already",
              "restart it; for keys behind two modules leave module-path out, so that p11-kit finds both"));
  engine_ptr engine(ENGINE_by_id("pkcs11"));
  if (!engine) {
    return std::unexpected(error(where, "OpenSSL has no engine for PKCS#11: " + reasons(),
                                 "install libengine-pkcs11-openssl (Debian's name)"));
  }
  ENGINE_ctrl_cmd_string(engine.get(), "QUIET", nullptr, 1);  // it would write to stderr
  if (!where.module_path.empty()) ENGINE_ctrl_cmd_string(engine.get(), "MODULE_PATH", where.module_path.c_str(), 1);
  if (!any && ENGINE_init(engine.get()) != 1)
    return std::unexpected(error(where, "OpenSSL's engine for PKCS#11 does not start: " + reasons(), show));
  any = true;
  loaded = where.module_path;
  return engine;
}

}  // namespace

std::expected<evp_pkey_ptr, problem> key_in_token(const token_uri& where, const std::string_view* pin) {
  ERR_clear_error();
  auto engine = engine_for(where);
  if (!engine) return std::unexpected(std::move(engine.error()));
  const std::unique_ptr<UI_METHOD, method_freed> method(UI_create_method("bunraku"));
  bool asked = false;
  if (method) UI_method_set_reader(method.get(), asked_without_pin);
  if (pin != nullptr) {
    std::string secret(*pin);
    const bool taken = ENGINE_ctrl_cmd_string(engine->get(), "PIN", secret.c_str(), 0) == 1;
    OPENSSL_cleanse(secret.data(), secret.size());
    if (!taken) return std::unexpected(error(where, "the engine takes no PIN: " + reasons(), show));
  }
  evp_pkey_ptr key(ENGINE_load_private_key(engine->get(), where.key.c_str(), method.get(), &asked));
  if (!key) return std::unexpected(explain(where, reasons(), asked));
  ERR_clear_error();
  return key;
}

}  // namespace bunraku::io
