;; Jetty as puppetserver has it: Debian's jetty9, with the limits that its webserver service sets. Answers each request
;; with what it read, as X-Read: JSON in hexadecimal. Prints its port.
(import '(org.eclipse.jetty.server Server ServerConnector HttpConfiguration HttpConnectionFactory ConnectionFactory)
        '(org.eclipse.jetty.server.handler AbstractHandler)
        '(java.security MessageDigest))

(defn hex [bytes] (apply str (map #(format "%02x" (bit-and % 0xff)) bytes)))

(defn text [s]
  (str \" (apply str (map #(let [c (int %)] (if (or (< c 32) (> c 126) (= % \") (= % \\)) (format "\\u%04x" c) (str %)))
                          (or s ""))) \"))

(defn what-was-read [request]
  (let [body (.readAllBytes (.getInputStream request))
        query (.getQueryString request)]
    (str "{\"method\":" (text (.getMethod request))
         ",\"target\":" (text (str (.getRequestURI request) (when query (str "?" query))))
         ",\"host\":" (text (.getHeader request "Host"))
         ",\"length\":" (count body)
         ",\"sha256\":" (text (hex (.digest (MessageDigest/getInstance "SHA-256") body))) "}")))

(def handler
  (proxy [AbstractHandler] []
    (handle [_ base request response]
      (.setHandled base true)
      (.setHeader response "X-Read" (hex (.getBytes (what-was-read request) "UTF-8")))
      (.setStatus response 200))))

(def config (doto (HttpConfiguration.)
              (.setRequestHeaderSize 131072)
              (.setResponseHeaderSize 131072)
              (.setSendServerVersion false)))
(def server (Server.))
(def connector (doto (ServerConnector. server (into-array ConnectionFactory [(HttpConnectionFactory. config)]))
                 (.setHost "127.0.0.1")
                 (.setPort 0)))
(.addConnector server connector)
(.setHandler server handler)
(.start server)
(println (str "port " (.getLocalPort connector)))
(flush)
(.join server)
