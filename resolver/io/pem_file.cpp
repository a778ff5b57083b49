#include "io/pem_file.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bunraku::io {
namespace {

std::string user_name(uid_t uid) {
  std::array<char, 4096> memory;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return std::to_string(uid);
}

std::string group_name(gid_t gid) {
  std::array<char, 4096> memory;
  group entry{};
  group* found = nullptr;
  if (getgrgid_r(gid, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) return found->gr_name;
  return std::to_string(gid);
}

std::string ownership_of(const struct stat& s) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(s.st_mode & 07777));
  return std::string("mode ") + mode + ", owner " + user_name(s.st_uid) + ":" + group_name(s.st_gid);
}

// The first directory on the way that may not be passed, with its permissions; empty if all may.
std::string barred_directory(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) == 0) continue;
    struct stat s{};
    return stat(folder.c_str(), &s) == 0 ? folder + " (" + ownership_of(s) + ")" : folder;
  }
  return {};
}

problem unreadable(const std::string& path, std::string_view what_it_is) {
  const std::string us = user_name(geteuid());
  std::string what = std::string(what_it_is) + " may not be read by user " + us;
  struct stat s{};
  if (const std::string folder = barred_directory(path); !folder.empty())
    what += ": directory " + folder + " may not be entered";
  else if (stat(path.c_str(), &s) == 0) what += ": " + ownership_of(s);
  return {severity::error, path, what, "run as the user that owns Puppet's files, or give " + us + " read access"};
}

problem unopened(const std::string& path, int error, std::string_view what_it_is, std::string_view how_to_get_it) {
  if (error == ENOENT)
    return {severity::error, path, std::string(what_it_is) + " does not exist", std::string(how_to_get_it)};
  if (error == ENOTDIR)
    return {severity::error, path, std::string(what_it_is) + " cannot be there: something in its path is no directory",
            "make it a directory, or name another file"};
  if (error == EACCES || error == EPERM) return unreadable(path, what_it_is);
  return {severity::error, path, std::string(what_it_is) + " cannot be read: " + std::strerror(error),
          "mend the file system or name another file"};
}

struct descriptor {
  int fd;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// From its beginning, one byte more than `most` if there are more, or why not. One buffer that never moves, so that no
// copy of a key is left behind by growing.
std::expected<std::vector<char>, int> whole_file(int fd, std::size_t most) {
  if (::lseek(fd, 0, SEEK_SET) != 0) return std::unexpected(errno);
  std::vector<char> bytes(most + 1);
  std::size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int why = errno;
      OPENSSL_cleanse(bytes.data(), length);
      return std::unexpected(why);
    }
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  bytes.resize(length);
  return bytes;
}

// A read-only BIO over the text, which must outlive it.
bio_ptr text_bio(std::string_view text) {
  return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(std::min(text.size(), largest_pem_file))));
}

// Reads blocks with `next` until there is no further BEGIN line.
template <class Owner, class Next>
std::expected<std::vector<Owner>, std::string> blocks_in(std::string_view pem, std::string_view noun, Next next) {
  if (pem.size() > largest_pem_file) return std::unexpected("it is larger than 32 MiB");
  ERR_clear_error();
  std::vector<Owner> out;
  const bio_ptr bio = text_bio(pem);
  while (bio) {
    if (Owner one{next(bio.get())}) {
      out.push_back(std::move(one));
      continue;
    }
    const unsigned long error = ERR_peek_last_error();
    const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (at_end) break;
    return std::unexpected(std::string(noun) + " number " + std::to_string(out.size() + 1) + " in it is damaged");
  }
  if (out.empty()) return std::unexpected("there is no PEM " + std::string(noun) + " in it");
  return out;
}

struct passphrase_request {
  const std::string_view* passphrase;
  bool asked = false;
  bool too_long = false;
};

int give_passphrase(char* into, int size, int, void* context) {
  auto& request = *static_cast<passphrase_request*>(context);
  request.asked = true;
  if (request.passphrase == nullptr) return -1;
  request.too_long = request.passphrase->size() > static_cast<std::size_t>(size);
  if (request.too_long) return -1;
  std::copy(request.passphrase->begin(), request.passphrase->end(), into);
  return static_cast<int>(request.passphrase->size());
}

}  // namespace

file_bytes::~file_bytes() {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::expected<file_bytes, problem> read_file(const std::string& path, std::string_view what_it_is,
                                             std::string_view how_to_get_it) {
  // O_NONBLOCK: a FIFO in its place must not stop us here.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (file.fd < 0) return std::unexpected(unopened(path, errno, what_it_is, how_to_get_it));
  struct stat s{};
  if (fstat(file.fd, &s) != 0) return std::unexpected(unopened(path, errno, what_it_is, how_to_get_it));
  if (!S_ISREG(s.st_mode))
    return std::unexpected(
        problem(severity::error, path, std::string(what_it_is) + " is not a regular file", "name the file itself"));
  const auto size = static_cast<std::size_t>(s.st_size);
  // Of the size that it says, and once more if it has grown since.
  for (const std::size_t most : {std::min(size, largest_pem_file), largest_pem_file}) {
    auto bytes = whole_file(file.fd, most);
    if (!bytes) return std::unexpected(unopened(path, bytes.error(), what_it_is, how_to_get_it));
    if (bytes->size() <= most) return file_bytes(std::move(*bytes), s.st_mode & 07777);
    OPENSSL_cleanse(bytes->data(), bytes->size());
  }
  return std::unexpected(problem(severity::error, path, std::string(what_it_is) + " is larger than 32 MiB",
                                 "name the right file, or take out what does not belong into it"));
}

std::expected<std::vector<x509_ptr>, std::string> certificates_in(std::string_view pem) {
  return blocks_in<x509_ptr>(pem, "certificate",
                             [](BIO* bio) { return PEM_read_bio_X509(bio, nullptr, nullptr, nullptr); });
}

x509_ptr first_certificate_in(std::string_view pem) {
  const bio_ptr bio = text_bio(pem);
  x509_ptr out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return out;
}

std::expected<std::vector<x509_crl_ptr>, std::string> crls_in(std::string_view pem) {
  return blocks_in<x509_crl_ptr>(pem, "CRL",
                                 [](BIO* bio) { return PEM_read_bio_X509_CRL(bio, nullptr, nullptr, nullptr); });
}

key_reading private_key_in(std::string_view pem, const std::string_view* passphrase) {
  using failure = key_reading::failure;
  passphrase_request request{passphrase};
  const bio_ptr bio = text_bio(pem);
  evp_pkey_ptr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &request));
  ERR_clear_error();
  if (key) return {std::move(key), failure::none};
  if (request.too_long) return {nullptr, failure::passphrase_too_long};
  if (request.asked) return {nullptr, passphrase == nullptr ? failure::needs_passphrase : failure::wrong_passphrase};
  return {nullptr, pem.find("PRIVATE KEY-----") == std::string_view::npos ? failure::no_key : failure::damaged};
}

}  // namespace bunraku::io
