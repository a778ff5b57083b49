#include "enroll/enrolment.hpp"

#include "enroll/csr_attributes.hpp"
#include "enroll/ssl_lock.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

namespace shim::enroll {
namespace net = boost::asio;
using bunraku::problem;
using bunraku::problems;
using bunraku::severity;

namespace {

// Source: Puppet's defaults.rb.
constexpr mode_t public_file = 0644, secret_file = 0640, ssldir_mode = 0771, public_directory = 0755,
                 secret_directory = 0750;
constexpr std::string_view base = "/puppet-ca/v1/";

std::chrono::sys_seconds now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string target_of(std::string_view endpoint, std::string_view name) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = std::string(base) + std::string(endpoint) + "/";
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) out += c;
    else out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::string day_of(std::chrono::sys_seconds moment) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(moment));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

std::string status_text(const answer& said) {
  return "answered " + std::to_string(said.status) + (said.body.empty() ? "" : ": " + beginning_of(said.body));
}

std::string joined(const problems& list) {
  std::string out;
  for (const auto& one : list) out += (out.empty() ? "" : "; ") + one.what();
  return out;
}

}  // namespace

enrolment::enrolment(const bunraku::site& site, trust_choice trusted, ca_client& ca, tell_problems problem,
                     tell_progress progress)
    : site_(site),
      trusted_(std::move(trusted)),
      ca_(ca),
      problem_(std::move(problem)),
      progress_(std::move(progress)),
      whose_(puppets_ownership(site.enrolment.user, site.enrolment.group)) {}

net::awaitable<outcome> enrolment::pass() {
  if (const auto stopped = make_directories()) co_return *stopped;
  ssl_lock lock(site_.enrolment.lock);
  if (const auto held = lock.take()) {
    const auto how = lock.is_anothers() ? outcome::locked : outcome::cannot_here;
    end(how, *held);
    co_return how;
  }
  outcome out = co_await pass_under_lock();
  co_return out;
}

net::awaitable<outcome> enrolment::pass_under_lock() {
  if (const auto stopped = look()) co_return *stopped;
  for (;;) {
    const step next = next_step(have_);
    if (next == step::done) break;
    const auto stopped = co_await take(next);
    if (stopped) co_return *stopped;
  }
  progress_((already_ ? "already enrolled: " : "enrolled: ") + site_.certname + ", certificate " +
            certificate_->serial + " until " + day_of(certificate_->not_after));
  co_return outcome::enrolled;
}

net::awaitable<enrolment::stop> enrolment::take(step next) {
  stop out;
  switch (next) {
    case step::fetch_ca: out = co_await fetch_ca(); break;
    case step::fetch_crls: out = co_await fetch_crls(); break;
    case step::make_key: out = make_key(); break;
    case step::submit_request: out = co_await submit(); break;
    case step::fetch_certificate: out = co_await fetch_certificate(); break;
    case step::remove_request:
      if (const auto failed = remove_file(site_.enrolment.request)) out = end(outcome::cannot_here, *failed);
      have_.request = false;
      break;
    case step::key_is_lost:
      out = end(outcome::cannot_here,
                problem(severity::error, site_.credentials.private_key,
                        "the private key is not there, but its certificate is (" + site_.credentials.certificate + ")",
                        "restore the key; or clean the certificate at the CA (puppetserver ca clean --certname " +
                            site_.certname + "), remove it here, and enrol again"));
      break;
    case step::done: break;
  }
  co_return out;
}

// ---- what is there

enrolment::stop enrolment::make_directories() {
  const auto& e = site_.enrolment;
  const std::pair<const std::string&, mode_t> wanted[] = {
      {site_.ssldir, ssldir_mode},       {e.certificates, public_directory}, {e.private_keys, secret_directory},
      {e.public_keys, public_directory}, {e.requests, public_directory},     {e.secrets, secret_directory}};
  for (const auto& [path, mode] : wanted)
    if (const auto failed = make_directory(path, mode, whose_)) return end(outcome::cannot_here, *failed);
  return std::nullopt;
}

enrolment::stop enrolment::look() {
  const auto& c = site_.credentials;
  for (const auto* path : {&c.ca, &c.crl, &c.private_key, &c.certificate, &site_.enrolment.request})
    if (!path->empty()) remove_remains(*path);
  have_ = progress();
  trust_.reset();
  certificate_.reset();
  if (const auto stopped = look_at_ca()) return stopped;
  if (const auto stopped = look_at_crls()) return stopped;
  auto key = bunraku::node_key::load(c);
  if (bunraku::has_error(key.found)) return end(outcome::cannot_here, key.found);
  key_ = std::move(key.value);
  have_.key = key_.has_value();
  have_.request = is_there(site_.enrolment.request);
  have_.certificate = is_there(c.certificate);
  already_ = have_.certificate;
  if (have_.certificate) return look_at_certificate();
  return prepare_request();
}

enrolment::stop enrolment::look_at_ca() {
  const auto& file = site_.credentials.ca;
  const auto there = read_file(file, "the CA bundle");
  if (there.wrong) return end(outcome::cannot_here, *there.wrong);
  if (!there.text) return std::nullopt;
  auto reading = bunraku::ca_trust::read(*there.text, site_.credentials, now());
  if (!reading.value) return end(outcome::cannot_here, reading.found);
  trust_ = std::move(reading.value);
  have_.ca = true;
  const auto& wanted = trusted_.fingerprint;
  if (!wanted.empty() && bunraku::ca_trust::fingerprint_of(*there.text) != wanted &&
      bunraku::ca_trust::fingerprint_of(trust_->ca_pem()) != wanted && trust_->root_fingerprint(now()) != wanted)
    problem_({problem(severity::warning, file,
                      "the CA bundle that is there has another fingerprint than the one given, and it is used",
                      "remove it if it is not to be trusted")});
  return std::nullopt;
}

enrolment::stop enrolment::look_at_crls() {
  have_.wants_crls = site_.credentials.check != bunraku::revocation::none;
  if (!have_.wants_crls || !have_.ca) return std::nullopt;
  const auto there = read_file(site_.credentials.crl, "the CRL bundle");
  if (there.wrong) return end(outcome::cannot_here, *there.wrong);
  if (!there.text) return std::nullopt;
  auto reading = trust_->with_crls(*there.text, now());
  if (!reading.value) return end(outcome::cannot_here, reading.found);
  trust_ = std::move(reading.value);
  have_.crls = true;
  return std::nullopt;
}

enrolment::stop enrolment::look_at_certificate() {
  if (!have_.key || !have_.ca || (have_.wants_crls && !have_.crls)) return std::nullopt;
  const auto& file = site_.credentials.certificate;
  const auto there = read_file(file, "this node's certificate");
  if (there.wrong) return end(outcome::cannot_here, *there.wrong);
  return judge_certificate(there.text.value_or(""), file, outcome::cannot_here);
}

// What the request will hold, before anything is asked of anybody: it may be wrong.
enrolment::stop enrolment::prepare_request() {
  const auto& e = site_.enrolment;
  problems found;
  contents_ = {};
  contents_.certname = site_.certname;
  contents_.alt_names = parse_alt_names(e.dns_alt_names, found);
  const auto file = read_file(e.csr_attributes, "csr_attributes.yaml");
  if (file.wrong) found.push_back(*file.wrong);
  if (file.text) {
    auto read = parse_csr_attributes(*file.text, e.csr_attributes);
    found.insert(found.end(), read.found.begin(), read.found.end());
    contents_.attributes = std::move(read.attributes);
    contents_.extensions = std::move(read.extensions);
  }
  if (bunraku::has_error(found)) return end(outcome::cannot_here, found);
  if (have_.ca || !trusted_.fingerprint.empty() || trusted_.any_first_ca) return std::nullopt;
  return end(
      outcome::cannot_here,
      problem(
          severity::error, site_.credentials.ca, "there is no CA bundle yet, and nothing says which one to believe",
          "give --ca-fingerprint what `sha256sum ca_crt.pem` says at the CA, or the SHA-256 fingerprint of its root "
          "certificate; or --trust-first-ca, if nobody can stand between"));
}

// ---- the steps

// Why this answer is not the CA bundle that we may believe; empty if it is.
std::string enrolment::trust_bundle(const answer& said, std::optional<bunraku::ca_trust>& into) {
  if (said.status != 200) return status_text(said);
  auto reading = bunraku::ca_trust::read(said.body, site_.credentials, now());
  if (!reading.value)
    return "answered no CA bundle that can be used: " + joined(reading.found) + " (`" + beginning_of(said.body) + "`)";
  const auto of_text = bunraku::ca_trust::fingerprint_of(said.body), of_root = reading.value->root_fingerprint(now());
  const auto& wanted = trusted_.fingerprint;
  if (!wanted.empty() && wanted != of_text && wanted != of_root) {
    saw_other_ca_ = true;
    return "answered a CA bundle with another fingerprint: SHA256:" + of_text +
           (of_root.empty() ? "" : ", its root SHA256:" + of_root) + ", not SHA256:" + wanted;
  }
  into = std::move(reading.value);
  return {};
}

net::awaitable<enrolment::stop> enrolment::fetch_ca() {
  std::optional<bunraku::ca_trust> believed;
  saw_other_ca_ = false;
  const auto judge = [&](const answer& said) { return trust_bundle(said, believed); };
  auto reply = co_await ca_.read(bunraku::enrolment_tls::unverified(), target_of("certificate", "ca"), judge);
  if (!reply.from || !believed) co_return nobody("no master of the ca service gave the CA bundle", reply);
  const auto fingerprint = "SHA256:" + bunraku::ca_trust::fingerprint_of(reply.body);
  if (trusted_.fingerprint.empty())
    problem_({problem(severity::warning, site_.credentials.ca,
                      "the CA bundle of " + reply.from->to_string() + " is believed without proof: " + fingerprint,
                      "compare this with the CA's")});
  if (const auto stopped = write(site_.credentials.ca, believed->ca_pem(), public_file)) co_return stopped;
  progress_("CA bundle from " + reply.from->to_string() + ", " + fingerprint);
  trust_ = std::move(believed);
  have_.ca = true;
  saw_other_ca_ = false;
  co_return std::nullopt;
}

net::awaitable<enrolment::stop> enrolment::fetch_crls() {
  std::optional<bunraku::ca_trust> complete;
  const auto judge = [&](const answer& said) -> std::string {
    if (said.status != 200) return status_text(said);
    auto reading = trust_->with_crls(said.body, now());
    if (!reading.value)
      return "answered no CRLs that can be used: " + joined(reading.found) + " (`" + beginning_of(said.body) + "`)";
    complete = std::move(reading.value);
    return {};
  };
  auto reply =
      co_await ca_.read(bunraku::enrolment_tls(*trust_), target_of("certificate_revocation_list", "ca"), judge);
  if (!reply.from || !complete) co_return nobody("no master of the ca service gave the CRLs", reply);
  if (const auto stopped = write(site_.credentials.crl, complete->crl_pem(), public_file)) co_return stopped;
  progress_("CRLs from " + reply.from->to_string());
  trust_ = std::move(complete);
  have_.crls = true;
  // Whether a certificate that is there is good can be told only now.
  if (have_.certificate) co_return look_at_certificate();
  co_return std::nullopt;
}

enrolment::stop enrolment::make_key() {
  const auto& e = site_.enrolment;
  const auto passphrase = read_file(site_.credentials.passphrase_file, "the passphrase file");
  if (passphrase.wrong) return end(outcome::cannot_here, *passphrase.wrong);
  auto made = bunraku::node_key::generate(e);
  if (!made.value) return end(outcome::cannot_here, made.found);
  std::string pem = made.value->pem(passphrase.text);
  const auto stopped = write(site_.credentials.private_key, pem, secret_file);
  ::explicit_bzero(pem.data(), pem.size());
  if (stopped) return stopped;
  progress_("new private key, " + (e.key_type == "ec" ? e.named_curve : "RSA " + e.key_length));
  key_ = std::move(made.value);
  have_.key = true;
  return std::nullopt;
}

net::awaitable<enrolment::stop> enrolment::submit() {
  const auto request = bunraku::make_request(*key_, contents_);
  if (bunraku::has_error(request.found)) co_return end(outcome::cannot_here, request.found);
  const auto reply = co_await ca_.write(bunraku::enrolment_tls(*trust_),
                                        target_of("certificate_request", site_.certname), request.pem);
  if (!reply.from)
    co_return nobody("the signing request did not come through to the CA (others are not given it)", reply);
  const std::string who = reply.from->to_string();
  const std::string said = "answered " + std::to_string(reply.status) + ": " + beginning_of(reply.body);
  switch (judge_submission(reply.status, reply.body)) {
    case submission::accepted:
      if (const auto stopped = write(site_.enrolment.request, request.pem, public_file, existing::replace))
        co_return stopped;
      have_.request = true;
      progress_("signing request sent to " + who);
      break;
    case submission::requested: progress_("the request waits at " + who); break;
    case submission::signed_already: break;
    case submission::revoked_already:
      co_return end(outcome::refused,
                    problem(severity::error, who,
                            "the CA has revoked a certificate of " + site_.certname +
                                " and takes no new request: " + beginning_of(reply.body),
                            "if the revocation was meant for another host, clean it at the CA: puppetserver ca clean "
                            "--certname " +
                                site_.certname));
    case submission::no_ca:
      co_return end(outcome::refused,
                    problem(severity::error, who, "it is no CA that takes requests: it " + said,
                            "make the ca service's SRV records, or ca_server, name the CA itself first"));
    case submission::busy: co_return end(outcome::later, problem(severity::error, who, "the CA " + said, ""));
    case submission::refused:
      co_return end(outcome::refused, problem(severity::error, who, "the CA refused the signing request: it " + said,
                                              "mend what it says, in puppet.conf or csr_attributes.yaml"));
  }
  have_.submitted = true;
  co_return std::nullopt;
}

net::awaitable<enrolment::stop> enrolment::fetch_certificate() {
  const auto judge = [](const answer& said) {
    return said.status == 200 || said.status == 404 ? std::string() : status_text(said);
  };
  auto reply = co_await ca_.read(bunraku::enrolment_tls(*trust_), target_of("certificate", site_.certname), judge);
  if (!reply.from) co_return nobody("no master of the ca service could be asked for the certificate", reply);
  const std::string who = reply.from->to_string();
  if (reply.status == 404)
    co_return end(outcome::later,
                  problem(severity::error, who, "the certificate of " + site_.certname + " is not signed yet",
                          "sign it at the CA: puppetserver ca sign --certname " + site_.certname));
  if (const auto stopped = judge_certificate(reply.body, "the certificate from " + who, outcome::refused))
    co_return stopped;
  if (const auto stopped = write(site_.credentials.certificate, certificate_->pem, public_file)) co_return stopped;
  progress_("certificate from " + who);
  have_.certificate = true;
  co_return std::nullopt;
}

enrolment::stop enrolment::judge_certificate(const std::string& pem, const std::string& where, outcome if_bad) {
  auto reading = bunraku::check_node_certificate(pem, where, *key_, site_.certname, *trust_, now());
  if (!reading.value) {
    if (!reading.of_another_key && pem.find("-----BEGIN") == pem.npos)
      reading.found.emplace_back(severity::error, where, "it begins with `" + beginning_of(pem) + "`", "");
    return end(if_bad, reading.found);
  }
  if (!reading.found.empty()) problem_(reading.found);
  certificate_ = std::move(reading.value);
  return std::nullopt;
}

// ---- ends

enrolment::stop enrolment::write(const std::string& path, std::string_view content, mode_t mode, existing old) {
  if (const auto failed = write_file(path, content, mode, whose_, old)) return end(outcome::cannot_here, *failed);
  return std::nullopt;
}

enrolment::stop enrolment::end(outcome how, problem why) { return end(how, problems{std::move(why)}); }
enrolment::stop enrolment::end(outcome how, const problems& why) {
  problem_(why);
  return how;
}

enrolment::stop enrolment::nobody(const std::string& what, const ca_reply& reply) {
  std::string all;
  for (const auto& one : reply.tried) all += (all.empty() ? "" : "; ") + one;
  return end(saw_other_ca_ ? outcome::refused : outcome::later,
             problem(severity::error, "ca", what + ": " + all,
                     "mend what is said there; `bunraku resolve ca` shows whom DNS and puppet.conf name"));
}

}  // namespace shim::enroll
