; %tlsClient for puppetserver's access log: the subject of the client certificate of the request's connection, or "-".
; Jetty keeps the certificate; the log's own words (%u among them) know nothing of it. Compiled by parts/masters.sh.
(ns bunraku.tls-client
  (:gen-class :name bunraku.TlsClient :extends ch.qos.logback.access.pattern.AccessConverter))

(defn -convert [_ event]
  (let [chain (some-> event .getRequest (.getAttribute "javax.servlet.request.X509Certificate"))]
    (if-let [leaf (first chain)]
      (.. leaf getSubjectX500Principal getName)
      "-")))
