#include "examine/examine.hpp"

#include <boost/json.hpp>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace shim::examine {
namespace {

namespace json = boost::json;

constexpr std::size_t largest_catalog = std::size_t{64} << 20, most_sources = 10000;

doctor::lookup_fact look_up(const std::string& name) {
  doctor::lookup_fact found;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list); error != 0) {
    found.error = ::gai_strerror(error);
    return found;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const auto* one = list; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      found.addresses.emplace_back(text.data());
  }
  return found;
}

/// Its alternative names, or its common name if it has none: what a client compares.
std::vector<std::string> names_in(const std::string& certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(certificate.c_str(), "re"), &std::fclose);
  if (!file) return names;
  const std::unique_ptr<X509, decltype(&X509_free)> read(PEM_read_X509(file.get(), nullptr, nullptr, nullptr),
                                                         &X509_free);
  if (!read) return names;
  auto* const list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(read.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* const one = sk_GENERAL_NAME_value(list, i);
    if (one->type != GEN_DNS) continue;
    const auto* const text = ASN1_STRING_get0_data(one->d.dNSName);
    names.emplace_back(reinterpret_cast<const char*>(text),
                       static_cast<std::size_t>(ASN1_STRING_length(one->d.dNSName)));
  }
  GENERAL_NAMES_free(list);
  std::array<char, 256> common{};
  if (names.empty() && X509_NAME_get_text_by_NID(X509_get_subject_name(read.get()), NID_commonName, common.data(),
                                                 static_cast<int>(common.size())) > 0)
    names.emplace_back(common.data());
  return names;
}

/// `PUPPETVERSION = '8.11.0'` of the agent's own version.rb, without running it.
void find_agent(doctor::facts& into, const std::string& root) {
  for (const char* place :
       {"/opt/puppetlabs/puppet/lib/ruby/vendor_ruby/puppet/version.rb", "/usr/lib/ruby/vendor_ruby/puppet/version.rb",
        "/usr/share/ruby/vendor_ruby/puppet/version.rb"}) {
    std::ifstream in(root + place);
    for (std::string line; std::getline(in, line);) {
      const auto at = line.find("PUPPETVERSION");
      const auto from = at == line.npos ? at : line.find_first_of("'\"", at);
      const auto to = from == line.npos ? from : line.find_first_of("'\"", from + 1);
      if (to == line.npos) continue;
      into.agent_version = line.substr(from + 1, to - from - 1);
      into.agent_version_file = root + place;
      return;
    }
  }
}

/// "puppet://HOST/...": HOST; nothing if there is none in it.
std::string host_in(std::string_view url) {
  constexpr std::string_view scheme = "puppet://";
  if (!url.starts_with(scheme)) return {};
  url.remove_prefix(scheme.size());
  url = url.substr(0, url.find('/'));
  return std::string(url.substr(0, url.find(':')));
}

/// The resource's title, and the manifest's line.
void tell_place(doctor::explicit_source& one, const json::object& resource) {
  if (const auto* title = resource.if_contains("title"); title != nullptr && title->is_string())
    one.title = title->get_string();
  const auto* file = resource.if_contains("file");
  const auto* line = resource.if_contains("line");
  if (file != nullptr && file->is_string()) {
    one.where = file->get_string();
    if (line != nullptr && line->is_int64()) one.where += ":" + std::to_string(line->get_int64());
  }
}

void note_sources(doctor::facts& into, const json::object& resource, const json::value& source) {
  if (const auto* list = source.if_array()) {
    for (const auto& each : *list)
      if (each.is_string()) note_sources(into, resource, each);
    return;
  }
  if (!source.is_string() || into.explicit_sources.size() >= most_sources) return;
  const std::string url(source.get_string());
  auto host = host_in(url);
  if (host.empty() || (into.site && host == into.site->certname)) return;
  doctor::explicit_source one{.title = {}, .url = url, .host = std::move(host), .where = {}};
  tell_place(one, resource);
  into.explicit_sources.push_back(std::move(one));
}
void note_bucket(doctor::facts& into, const json::object& resource, const json::value& server) {
  if (!server.is_string() || into.explicit_sources.size() >= most_sources) return;
  std::string host(server.get_string());
  if (host.empty() || (into.site && host == into.site->certname)) return;
  doctor::explicit_source one{.title = {}, .url = {}, .host = std::move(host), .where = {}, .is_bucket = true};
  tell_place(one, resource);
  into.explicit_sources.push_back(std::move(one));
}

/// The catalog of the last run, as the agent keeps it.
void read_catalog(doctor::facts& into) {
  const auto& site = *into.site;
  const auto given = site.given.find("client_datadir");
  const auto directory = given == site.given.end() ? site.vardir + "/client_data" : given->second.value;
  const auto path = directory + "/catalog/" + site.certname + ".json";
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
      about.st_size > static_cast<off_t>(largest_catalog))
    return;
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  boost::system::error_code error;
  const auto catalog = json::parse(text, error);
  const auto* resources = !error && catalog.is_object() ? catalog.get_object().if_contains("resources") : nullptr;
  if (resources == nullptr || !resources->is_array()) return;
  into.catalog_file = path;
  for (const auto& each : resources->get_array()) {
    const auto* resource = each.if_object();
    const auto* type = resource == nullptr ? nullptr : resource->if_contains("type");
    const auto* parameters = resource == nullptr ? nullptr : resource->if_contains("parameters");
    if (type == nullptr || !type->is_string() || parameters == nullptr || !parameters->is_object()) continue;
    const auto& wanted = parameters->get_object();
    const bool is_file = type->get_string() == "File", is_bucket = type->get_string() == "Filebucket";
    if (const auto* source = is_file ? wanted.if_contains("source") : nullptr) note_sources(into, *resource, *source);
    if (const auto* server = is_bucket ? wanted.if_contains("server") : nullptr) note_bucket(into, *resource, *server);
  }
}

}  // namespace

void look_at_host(doctor::facts& into) {
  find_agent(into, into.configured ? into.configured->puppet.root_prefix : std::string());
  if (!into.site) return;
  const auto& site = *into.site;
  into.certificate_names = names_in(site.credentials.certificate);
  into.lookups[site.certname] = look_up(site.certname);
  if (site.server_set && site.server != site.certname) into.lookups[site.server] = look_up(site.server);
  read_catalog(into);
}

}  // namespace shim::examine
